// SPDX-License-Identifier: GPL-2.0

//! State behind a lock that can be waited for, polled, and revoked.
//!
//! A driver shares state with open files that may outlive it. A [`Monitor`] lets it take that state
//! away: from then on [`Monitor::lock`] fails with `ENODEV`, and everyone who slept is woken and
//! gets the same answer. There is no other way to the state, so that no caller can miss the check.
//!
//! The lock is a [`SpinLockIrq`], so that interrupt handlers may use it too.

use core::ops::{
    Deref,
    DerefMut, //
};
use kernel::{
    fs::File,
    prelude::*,
    sync::{
        poll::{
            PollCondVar,
            PollTable, //
        },
        LockClassKey,
        SpinLockIrq,
        SpinLockIrqGuard, //
    }, //
};

/// A `T` that several contexts share until it is revoked.
///
/// Dropping it may sleep, as it waits for those who are about to leave its wait queue.
///
/// # Examples
///
/// ```ignore
/// fn read(queue: &Monitor<KVVec<u8>>) -> Result<u8> {
///     let mut bytes = queue.lock()?;
///     loop {
///         if let Some(byte) = bytes.pop() {
///             return Ok(byte);
///         }
///         bytes = bytes.wait_interruptible()?;
///     }
/// }
/// ```
#[pin_data]
pub struct Monitor<T> {
    #[pin]
    state: SpinLockIrq<Option<T>>,
    #[pin]
    changed: PollCondVar,
}

impl<T: Unpin> Monitor<T> {
    /// Creates a monitor of `state`; `name` and the keys are for lockdep.
    pub fn new(
        state: T,
        name: &'static CStr,
        lock_key: Pin<&'static LockClassKey>,
        wait_key: Pin<&'static LockClassKey>,
    ) -> impl PinInit<Self> {
        pin_init!(Self {
            state <- SpinLockIrq::new(Some(state), name, lock_key),
            changed <- PollCondVar::new(name, wait_key),
        })
    }

    /// Gives access to the state, or fails with `ENODEV` once it is revoked.
    #[inline]
    pub fn lock(&self) -> Result<MonitorGuard<'_, T>> {
        MonitorGuard::new(self, self.state.lock())
    }

    /// Makes everyone who waits or polls look again.
    pub fn notify_all(&self) {
        self.changed.notify_all();
    }

    /// Like [`Monitor::lock`], for a poll operation: `file` will be polled again upon
    /// [`Monitor::notify_all`] and [`Monitor::revoke`].
    pub fn poll(&self, file: &File, table: &PollTable<'_>) -> Result<MonitorGuard<'_, T>> {
        table.register_wait(file, &self.changed);
        self.lock()
    }

    /// Takes the state away for good and wakes everyone. Returns it the first time.
    pub fn revoke(&self) -> Option<T> {
        let state = self.state.lock().take();
        self.changed.notify_all();
        state
    }
}

/// Exclusive access to the state of a [`Monitor`].
///
/// # Invariants
///
/// The guarded option is [`Some`].
pub struct MonitorGuard<'a, T> {
    guard: SpinLockIrqGuard<'a, Option<T>>,
    monitor: &'a Monitor<T>,
}

impl<'a, T: Unpin> MonitorGuard<'a, T> {
    fn new(monitor: &'a Monitor<T>, guard: SpinLockIrqGuard<'a, Option<T>>) -> Result<Self> {
        if guard.is_none() {
            return Err(ENODEV);
        }
        // INVARIANT: Just checked, and `Self` gives no access to the option itself.
        Ok(Self { guard, monitor })
    }

    /// Releases the lock until someone calls [`Monitor::notify_all`].
    ///
    /// May return early. Fails with `ERESTARTSYS` if a signal came, with `ENODEV` if the state was
    /// revoked meanwhile; the lock is then released.
    pub fn wait_interruptible(self) -> Result<Self> {
        let Self { mut guard, monitor } = self;

        let signal = monitor.changed.wait_interruptible(&mut guard);
        let this = Self::new(monitor, guard)?;
        if signal {
            return Err(ERESTARTSYS);
        }
        Ok(this)
    }
}

impl<T> Deref for MonitorGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: By the type invariants, this is `Some`.
        unsafe { (*self.guard).as_ref().unwrap_unchecked() }
    }
}

impl<T: Unpin> DerefMut for MonitorGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: By the type invariants, this is `Some`.
        unsafe { (*self.guard).as_mut().unwrap_unchecked() }
    }
}
