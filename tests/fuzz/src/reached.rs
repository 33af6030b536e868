// SPDX-License-Identifier: GPL-2.0

//! What scripts reached: shows that the model does not agree with the machine just for want of
//! anything happening.

macro_rules! milestones {
    ($($name:ident: $text:literal,)*) => {
        /// Something that a useful corpus reaches.
        #[derive(Clone, Copy)]
        pub(crate) enum Milestone {
            $($name,)*
        }

        const TEXTS: &[&str] = &[$($text,)*];
    };
}

milestones! {
    SinglePart: "request in one part",
    SeveralParts: "request in several parts",
    LongestRequest: "request of 254 bytes",
    RequestWithPec: "request with a PEC",
    RequestWithout: "request without one",
    PartsDropped: "begun request dropped for a part that is invalid or too much",
    Busy: "event refused while a request waits",
    Taken: "request taken",
    PutBack: "request put back",
    NotPutBack: "request not put back, since it is answered, expired or followed by another",
    Expired: "request expired",
    WrongLength: "response of wrong length",
    TooEarly: "response while the one before is not fetched",
    OneBlock: "response fetched in one block",
    SeveralBlocks: "response fetched in several blocks",
    LongestResponse: "response of 9 blocks fetched",
    BlockPec: "block read with its PEC",
    ReadInPart: "block read in part",
    ReadAgain: "block read in part, then whole",
    BegunAnew: "response begun anew behind its first block",
    StopBetween: "block read although a stop came at the repeated start",
    NextTooEarly: "further block refused, since the first one is due",
    NoResponse: "read refused, since there is no response",
    Replaced: "response dropped for the next request",
}

/// How often scripts reached each milestone.
#[derive(Default)]
pub struct Reached([usize; TEXTS.len()]);

impl Reached {
    pub(crate) fn count(&mut self, milestone: Milestone) {
        self.0[milestone as usize] += 1;
    }

    /// Adds what another script reached.
    pub fn add(&mut self, other: &Self) {
        for (mine, others) in self.0.iter_mut().zip(other.0) {
            *mine += others;
        }
    }

    /// All milestones, and how often they were reached.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, usize)> + '_ {
        TEXTS.iter().copied().zip(self.0)
    }
}
