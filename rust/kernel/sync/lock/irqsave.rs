// SPDX-License-Identifier: GPL-2.0

//! Spinlocks that are held with interrupts disabled, and give back the state these had before.
//!
//! C header: [`include/linux/spinlock.h`](srctree/include/linux/spinlock.h)
//!
//! [`SpinLockIrq`](kernel::sync::SpinLockIrq) counts per CPU how often interrupts were disabled.
//! Here each guard holds the state before it, as in C, which is faster, and asks for the order that
//! C asks for: drop the guard that was taken last first. In another order interrupts are enabled
//! too early, under a lock that an interrupt handler may want: a deadlock.

use crate::bindings as helpers;
use kernel::{
    bindings,
    prelude::*,
    sync::lock::{
        spinlock::SpinLockBackend,
        Backend,
        Guard,
        Lock, //
    }, //
};

/// A spinlock that disables interrupts until its guard is dropped.
pub type SpinLockIrqSave<T> = Lock<T, IrqSave>;

/// The guard of a [`SpinLockIrqSave`].
pub type SpinLockIrqSaveGuard<'a, T> = Guard<'a, T, IrqSave>;

/// The backend of [`SpinLockIrqSave`].
pub struct IrqSave;

// SAFETY: A `spinlock_t` ensures mutual exclusion. `relock` is the default one, which calls `lock`.
unsafe impl Backend for IrqSave {
    type State = bindings::spinlock_t;
    /// The state of interrupts before.
    type GuardState = c_ulong;

    unsafe fn init(ptr: *mut Self::State, name: *const c_char, key: *mut bindings::lock_class_key) {
        // SAFETY: The caller promises the same; it is the same lock.
        unsafe { SpinLockBackend::init(ptr, name, key) }
    }

    #[inline]
    unsafe fn lock(ptr: *mut Self::State) -> c_ulong {
        // SAFETY: The caller promises that the lock is initialised.
        unsafe { helpers::bmc_rust_spin_lock_irqsave(ptr) }
    }

    #[inline]
    unsafe fn unlock(ptr: *mut Self::State, flags: &c_ulong) {
        // SAFETY: The caller owns the lock, and `flags` is what `lock` or `try_lock` returned.
        unsafe { helpers::bmc_rust_spin_unlock_irqrestore(ptr, *flags) }
    }

    #[inline]
    unsafe fn try_lock(ptr: *mut Self::State) -> Option<c_ulong> {
        let mut flags = 0;

        // SAFETY: The caller promises that the lock is initialised.
        unsafe { helpers::bmc_rust_spin_trylock_irqsave(ptr, &mut flags) }.then_some(flags)
    }

    #[inline]
    unsafe fn assert_is_held(ptr: *mut Self::State) {
        // `Guard::new` calls this each time; without lockdep it is empty, but not free.
        if cfg!(CONFIG_LOCKDEP) {
            // SAFETY: The caller promises the same; it is the same lock.
            unsafe { SpinLockBackend::assert_is_held(ptr) }
        }
    }
}
