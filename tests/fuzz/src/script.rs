// SPDX-License-Identifier: GPL-2.0

//! What the fuzzer's bytes mean.
//!
//! A step is one byte: the low half says what to do, the high half how. Some take one more byte, a
//! length or a value. So every input is a script, a mutation of one byte changes one step, and
//! pieces of two inputs fit together. Derived encodings (`arbitrary`) take four bytes to choose a
//! step and move all that follow when one grows.
//!
//! Single events come beside whole parts, blocks, requests and responses: the fuzzer need not find
//! out that 32 bytes and their CRC belong together, and can break them all the same. Message bytes
//! are not in the input: the machine never looks at them, and the player sees to it that no two
//! neighbours are alike.

/// The commands of SSIF that write.
const WRITES: [u8; 4] = [0x02, 0x06, 0x07, 0x08];

/// The commands of SSIF that read: the first block, and any further one.
const READS: [u8; 2] = [0x03, 0x09];

#[derive(Debug, PartialEq)]
pub(crate) enum Step {
    /// The host addresses us for a write.
    Address,
    /// The host writes this byte.
    Byte(u8),
    /// The host writes the packet error code of what it wrote so far.
    Pec,
    /// The host writes this many message bytes.
    Data(u8),
    /// The host begins to read.
    Read,
    /// The host reads this many bytes.
    Next(u8),
    /// The host stops.
    Stop,
    /// A block write, whole but for what its fields say.
    Part {
        address: bool,
        command: u8,
        len: u8,
        pec: bool,
        stop: bool,
    },
    /// A block read, of as many bytes as `amount` says.
    Block {
        command: u8,
        /// A stop is reported at the repeated start.
        stop_between: bool,
        stop: bool,
        amount: Amount,
    },
    /// A request of this length, as hosts write it.
    Send {
        len: u16,
        pec: bool,
        /// The last part has the command of a middle one, and is short or empty.
        short_middle: bool,
    },
    /// All blocks of a response, as hosts read them.
    Fetch { stop_between: bool, stop: bool },
    /// The time to respond is over.
    Expire,
    /// A reader takes the request.
    Take,
    /// A reader returns the request that it took so many before the last.
    PutBack(u8),
    /// A writer offers a response of this length.
    Respond(u16),
}

/// How many bytes the host reads of a block.
#[derive(Debug, PartialEq)]
pub(crate) enum Amount {
    /// This many, whatever the block has.
    Exactly(u8),
    /// The block, and so many more.
    Beyond(u8),
}

/// The script that `input` encodes; at its end missing bytes are 0.
pub(crate) fn steps(input: &[u8]) -> impl Iterator<Item = Step> + '_ {
    let mut bytes = input.iter().copied();
    std::iter::from_fn(move || {
        let first = bytes.next()?;
        let how = first >> 4;
        let flag = |bit: u8| how & (1 << bit) != 0;
        let mut value = || bytes.next().unwrap_or(0);

        Some(match first & 0x0f {
            0x0 => Step::Address,
            0x1 => Step::Byte(value()),
            0x2 => Step::Pec,
            0x3 => Step::Data(value() % 64),
            0x4 => Step::Read,
            0x5 => Step::Next(how + 1),
            0x6 => Step::Stop,
            op @ (0x7 | 0xf) => Step::Part {
                address: op == 0x7,
                command: WRITES[usize::from(how & 3)],
                len: value(),
                pec: flag(2),
                stop: !flag(3),
            },
            0x8 => Step::Block {
                command: READS[usize::from(how & 1)],
                stop_between: flag(1),
                stop: !flag(2),
                amount: if flag(3) {
                    Amount::Exactly(value() % 64)
                } else {
                    Amount::Beyond(value() % 4)
                },
            },
            0x9 => Step::Send {
                len: u16::from(value()) + u16::from(flag(3)) * 64,
                pec: flag(0),
                short_middle: flag(1),
            },
            0xa => Step::Fetch {
                stop_between: flag(0),
                stop: !flag(1),
            },
            0xb => Step::Take,
            0xc => Step::PutBack(how),
            0xd => Step::Respond(u16::from(value()) + u16::from(flag(0)) * 256),
            _ => Step::Expire,
        })
    })
}
