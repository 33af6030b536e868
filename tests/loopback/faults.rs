// SPDX-License-Identifier: GPL-2.0

//! Transfers that are slow, or fail in place of reaching their target.

use crate::adapter::{
    Step,
    Transaction, //
};
use kernel::{
    debugfs,
    fmt,
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    },
    time::{
        delay::fsleep,
        Delta,
        Instant,
        Monotonic, //
    },
    uaccess::UserSliceReader, //
};

#[derive(Clone, Copy)]
enum Kind {
    /// Each transfer fails with this errno.
    Fails(c_int),
    /// After a write of more than so many bytes, transfers fail with `ENXIO` for so many milliseconds: a chip
    /// that stores its page.
    Busy {
        address_bytes: usize,
        milliseconds: i64,
        since: Option<Instant<Monotonic>>,
    },
}

/// A fault of the device with an address, or of all.
struct Fault {
    address: Option<u16>,
    kind: Kind,
}

struct State {
    /// Microseconds for each byte.
    pace: u32,
    faults: KVec<Fault>,
}

#[pin_data]
pub(crate) struct Faults {
    #[pin]
    state: Mutex<State>,
}

impl Faults {
    pub(crate) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                state <- new_mutex!(State { pace: 0, faults: KVec::new() }),
            }),
            GFP_KERNEL,
        )
    }

    /// Takes the time of a transfer, and fails if there is a fault for it.
    pub(crate) fn before(&self, transaction: &Transaction) -> Result {
        let mut bytes: usize = 0;
        for step in &transaction.steps {
            bytes = bytes.saturating_add(match step {
                Step::Write(bytes) => bytes.len(),
                Step::Read(reader) => reader.wanted(),
            });
        }
        let pace = {
            let state = self.state.lock();
            for fault in &state.faults {
                if !fault.is_for(transaction.address) {
                    continue;
                }
                match &fault.kind {
                    Kind::Fails(errno) => return Err(Error::from_errno(errno.saturating_neg())),
                    Kind::Busy {
                        milliseconds,
                        since: Some(since),
                        ..
                    } if since.elapsed() < Delta::from_millis(*milliseconds) => return Err(ENXIO),
                    Kind::Busy { .. } => {}
                }
            }
            state.pace
        };
        if pace != 0 {
            fsleep(Delta::from_micros(
                i64::from(pace).saturating_mul(bytes.try_into()?),
            ));
        }
        Ok(())
    }

    /// Begins the time for which a chip is busy after a write.
    pub(crate) fn after(&self, address: u16, written: Option<usize>) {
        let Some(written) = written else {
            return;
        };
        for fault in &mut self.state.lock().faults {
            if fault.is_for(address) {
                if let Kind::Busy {
                    address_bytes,
                    since,
                    ..
                } = &mut fault.kind
                {
                    if written > *address_bytes {
                        *since = Some(Instant::now());
                    }
                }
            }
        }
    }
}

/// The length of a transaction that only writes.
pub(crate) fn written(transaction: &Transaction) -> Option<usize> {
    match transaction.steps.as_slice() {
        [Step::Write(bytes)] => Some(bytes.len()),
        _ => None,
    }
}

impl Fault {
    fn is_for(&self, address: u16) -> bool {
        self.address.is_none_or(|own| own == address)
    }
}

/// The debugfs file `faults`. Takes one of
///
/// - `none`: no faults any more;
/// - `fails ADDRESS ERRNO`: transfers to this address, in hexadecimal, or to all of them (`*`), fail;
/// - `busy ADDRESS BYTES MILLISECONDS`: the chip, which has so many address bytes, does not acknowledge its
///   address for this long after a write;
/// - `pace MICROSECONDS`: a transfer takes this long for each byte, unless it fails.
///
/// Shows the number of faults.
pub(crate) struct File(pub(crate) Arc<Faults>);

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.state.lock().faults.len().fmt(f)
    }
}

impl debugfs::Reader for File {
    fn read_from_slice(&self, reader: &mut UserSliceReader) -> Result {
        fn number<T: core::str::FromStr>(word: Option<&str>) -> Result<T> {
            word.and_then(|word| word.parse().ok()).ok_or(EINVAL)
        }

        let mut text = [0; 64];
        let len = reader.len().min(text.len());
        let text = text.get_mut(..len).ok_or(EINVAL)?;
        reader.read_slice(text)?;
        let mut words = core::str::from_utf8(text)
            .map_err(|_| EINVAL)?
            .split_ascii_whitespace();

        let command = words.next().ok_or(EINVAL)?;
        let mut state = self.0.state.lock();
        if command == "none" {
            state.faults.clear();
            return Ok(());
        }
        if command == "pace" {
            state.pace = number(words.next())?;
            return Ok(());
        }
        let address = match words.next() {
            Some("*") => None,
            Some(word) => Some(u16::from_str_radix(word, 16).map_err(|_| EINVAL)?),
            None => return Err(EINVAL),
        };
        let kind = match command {
            "fails" => Kind::Fails(number(words.next())?),
            "busy" => Kind::Busy {
                address_bytes: number(words.next())?,
                milliseconds: number(words.next())?,
                since: None,
            },
            _ => return Err(EINVAL),
        };
        state.faults.push(Fault { address, kind }, GFP_KERNEL)?;
        Ok(())
    }
}
