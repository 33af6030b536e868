// SPDX-License-Identifier: GPL-2.0

//! A record of the transfers on an adapter, for tests of a driver's bus traffic.

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
    uaccess::UserSliceReader, //
};

/// The most transfers that are kept; further ones are counted.
const KEPT: usize = 16384;

/// One message: whether it is a read, its length, and its first bytes if it is a write.
#[derive(Clone, Copy)]
struct Message {
    reads: bool,
    len: usize,
    first: [Option<u8>; 2],
}

/// One transfer, with its first two messages.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    address: u16,
    messages: [Option<Message>; 2],
    errno: c_int,
}

impl Entry {
    pub(crate) fn new(transaction: &Transaction) -> Self {
        let mut messages = [None; 2];
        for (to, step) in messages.iter_mut().zip(&transaction.steps) {
            *to = Some(match step {
                Step::Write(bytes) => Message {
                    reads: false,
                    len: bytes.len(),
                    first: [bytes.first().copied(), bytes.get(1).copied()],
                },
                Step::Read(reader) => Message {
                    reads: true,
                    len: reader.wanted(),
                    first: [None; 2],
                },
            });
        }
        Self {
            address: transaction.address,
            messages,
            errno: 0,
        }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}", self.address)?;
        for message in self.messages.iter().flatten() {
            write!(
                f,
                " {}{}",
                if message.reads { 'r' } else { 'w' },
                message.len
            )?;
            if message.len != 0 && !message.reads {
                write!(f, ":")?;
                for byte in message.first.iter().flatten() {
                    write!(f, "{byte:02x}")?;
                }
            }
        }
        writeln!(f, " {}", self.errno)
    }
}

struct Entries {
    recording: bool,
    kept: KVVec<Entry>,
    lost: usize,
}

#[pin_data]
pub(crate) struct Trace {
    #[pin]
    entries: Mutex<Entries>,
}

impl Trace {
    pub(crate) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                entries <- new_mutex!(Entries { recording: false, kept: KVVec::new(), lost: 0 }),
            }),
            GFP_KERNEL,
        )
    }

    pub(crate) fn add<T>(&self, entry: Entry, result: &Result<T>) {
        let errno = result.as_ref().err().map_or(0, |error| error.to_errno());
        let mut entries = self.entries.lock();
        let entry = Entry { errno, ..entry };
        if !entries.recording {
            return;
        }
        if entries.kept.len() >= KEPT || entries.kept.push(entry, GFP_KERNEL).is_err() {
            entries.lost = entries.lost.saturating_add(1);
        }
    }
}

/// The debugfs file `trace`: a line for each transfer, such as `50 w2:1000 r128 0`: the address; messages, with the
/// first two bytes of those that are written; 0 or a negative errno. Writing `Y` or `N` removes all lines, and
/// begins or ends the record.
pub(crate) struct File(pub(crate) Arc<Trace>);

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.0.entries.lock();
        for entry in &entries.kept {
            entry.fmt(f)?;
        }
        if entries.lost != 0 {
            writeln!(f, "lost {}", entries.lost)?;
        }
        Ok(())
    }
}

impl debugfs::Reader for File {
    fn read_from_slice(&self, reader: &mut UserSliceReader) -> Result {
        let recording = match reader.read::<u8>()? {
            b'Y' => true,
            b'N' => false,
            _ => return Err(EINVAL),
        };
        let mut entries = self.0.entries.lock();
        entries.recording = recording;
        entries.kept.clear();
        entries.lost = 0;
        Ok(())
    }
}
