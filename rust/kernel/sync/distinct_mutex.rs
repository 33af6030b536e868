// SPDX-License-Identifier: GPL-2.0

//! Mutexes of which one may be taken while another is held.
//!
//! Lockdep takes all locks that are made in one place for the same, and complains of one inside of
//! another. Each of these has a lock class of its own.

use core::ops::Deref;
use kernel::{
    prelude::*,
    sync::{
        LockClassKey,
        Mutex, //
    }, //
};

/// A [`Mutex`] with a lock class of its own.
#[pin_data]
pub struct DistinctMutex<T> {
    // Dropped before its class is.
    #[pin]
    mutex: Mutex<T>,
    #[pin]
    class: LockClassKey,
}

impl<T> DistinctMutex<T> {
    /// Makes a mutex around `value`; `name` is for lockdep.
    pub fn new(value: T, name: &'static CStr) -> impl PinInit<Self> {
        pin_init!(&this in Self {
            class <- LockClassKey::new_dynamic(),
            mutex <- {
                // SAFETY: It was initialised just now, is pinned as all of this is, and is there for as
                // long as the mutex, which nobody else can have.
                let class = unsafe { Pin::new_unchecked(&(*this.as_ptr()).class) };
                Mutex::new(value, name, class)
            },
        })
    }
}

impl<T> Deref for DistinctMutex<T> {
    type Target = Mutex<T>;

    fn deref(&self) -> &Mutex<T> {
        &self.mutex
    }
}
