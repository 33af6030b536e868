// SPDX-License-Identifier: GPL-2.0

//! A gate before transfers, for tests of what happens while one is under way.
//!
//! It counts down how many may still pass; what comes then waits. It opens when the adapter goes.

use kernel::{
    debugfs,
    fmt,
    new_condvar,
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        CondVar,
        Mutex, //
    },
    uaccess::UserSliceReader, //
};

/// That many pass without being counted.
const OPEN: u32 = u32::MAX;

struct Count {
    pass: u32,
    waiting: u32,
}

#[pin_data]
pub(crate) struct Gate {
    #[pin]
    count: Mutex<Count>,
    #[pin]
    changed: CondVar,
}

impl Gate {
    pub(crate) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                count <- new_mutex!(Count { pass: OPEN, waiting: 0 }),
                changed <- new_condvar!(),
            }),
            GFP_KERNEL,
        )
    }

    /// Waits until a transfer may pass.
    pub(crate) fn pass(&self) -> Result {
        let mut count = self.count.lock();
        count.waiting = count.waiting.saturating_add(1);
        let mut interrupted = false;
        while count.pass == 0 && !interrupted {
            interrupted = self.changed.wait_interruptible(&mut count);
        }
        count.waiting = count.waiting.saturating_sub(1);

        if interrupted {
            return Err(EINTR);
        }
        if count.pass != OPEN {
            count.pass = count.pass.saturating_sub(1);
        }
        Ok(())
    }

    fn set(&self, pass: u32) {
        self.count.lock().pass = pass;
        self.changed.notify_all();
    }
}

/// The debugfs file `pass`: takes how many transfers may pass, or -1 for all; shows how many wait.
pub(crate) struct File(pub(crate) Arc<Gate>);

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.count.lock().waiting.fmt(f)
    }
}

impl debugfs::Reader for File {
    fn read_from_slice(&self, reader: &mut UserSliceReader) -> Result {
        let mut text = [0; 16];
        let len = reader.len().min(text.len());
        let text = text.get_mut(..len).ok_or(EINVAL)?;
        reader.read_slice(text)?;

        let number = core::str::from_utf8(text).map_err(|_| EINVAL)?;
        let number = number.trim().parse::<i64>().map_err(|_| EINVAL)?;
        self.0.set(u32::try_from(number).unwrap_or(OPEN));
        Ok(())
    }
}

impl Drop for File {
    fn drop(&mut self) {
        self.0.set(OPEN);
    }
}
