// SPDX-License-Identifier: GPL-2.0

//! Objects that can be revoked while sleeping readers use them.
//!
//! C header: [`include/linux/srcu.h`](srctree/include/linux/srcu.h)
//!
//! [`SrcuRevocable`] is to [`Revocable`](kernel::revocable::Revocable) what SRCU is to RCU: whoever
//! accesses the object may sleep meanwhile, and revoking it waits for exactly those who do.

use core::{
    marker::PhantomData,
    ops::Deref,
    ptr::drop_in_place, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            AtomicFlag,
            Relaxed, //
        },
        srcu,
        LockClassKey,
        Srcu, //
    },
    types::Opaque, //
};
use pin_init::Wrapper;

/// An object that can become inaccessible at run time, and be used by readers that sleep.
///
/// [`SrcuRevocable::revoke`] makes the object inaccessible to those who come later, waits for those
/// who are at it, and drops it. The `SrcuRevocable` itself stays, empty, as long as somebody may ask.
///
/// # Invariants
///
/// While `is_available` is true, and until the SRCU readers that saw it so have left, `data` is
/// initialised.
///
/// # Examples
///
/// ```ignore
/// struct Chip {
///     reads: u32,
/// }
///
/// let chip = KBox::pin_init(
///     SrcuRevocable::new(Chip { reads: 3 }, c"chip", static_lock_class!()),
///     GFP_KERNEL,
/// )?;
///
/// let guard = chip.try_access().ok_or(ENODEV)?;
/// fsleep(Delta::from_millis(10));
/// assert_eq!(guard.reads, 3);
/// drop(guard);
///
/// chip.revoke();
/// assert!(chip.try_access().is_none());
/// ```
#[pin_data(PinnedDrop)]
pub struct SrcuRevocable<T> {
    is_available: AtomicFlag,
    #[pin]
    srcu: Srcu,
    #[pin]
    data: Opaque<T>,
}

// SAFETY: Whoever owns an `SrcuRevocable` owns the object, and only drops it or gives access to it.
unsafe impl<T: Send> Send for SrcuRevocable<T> {}

// SAFETY: Access is shared, which takes `Sync`; any thread may revoke and thereby drop, which takes
// `Send`.
unsafe impl<T: Sync + Send> Sync for SrcuRevocable<T> {}

impl<T> SrcuRevocable<T> {
    /// Makes an object revocable; `name` and `key` are for lockdep.
    pub fn new<E>(
        data: impl PinInit<T, E>,
        name: &'static CStr,
        key: Pin<&'static LockClassKey>,
    ) -> impl PinInit<Self, Error>
    where
        Error: From<E>,
    {
        // INVARIANT: `data` is initialised here.
        try_pin_init!(Self {
            is_available: AtomicFlag::new(true),
            srcu <- Srcu::new(name, key),
            data <- Opaque::pin_init(data),
        })
    }

    /// Accesses the object, unless it was revoked.
    ///
    /// The guard may be held across sleeping. It must not be held across [`Self::revoke`] of the same
    /// object, nor by someone whom the revoking thread waits for in another way: that would be a
    /// deadlock.
    pub fn try_access(&self) -> Option<Guard<'_, T>> {
        let reader = self.srcu.read_lock();

        // Relaxed: the grace period orders this read against the drop of the object.
        if !self.is_available.load(Relaxed) {
            return None;
        }
        // INVARIANT: The object was available to this reader, and stays until it has left.
        Some(Guard {
            data: self.data.get(),
            _reader: reader,
            _revocable: PhantomData,
        })
    }

    /// Accesses the object for the time of `f`, unless it was revoked.
    pub fn try_access_with<R>(&self, f: impl FnOnce(&T) -> R) -> Option<R> {
        self.try_access().map(|guard| f(&guard))
    }

    /// Makes the object inaccessible, waits for those who access it, and drops it.
    ///
    /// Returns whether this call did so. If another one did or does, the object may still be in use
    /// when this one returns.
    ///
    /// It sleeps, for as long as the slowest access takes. Calling it with a [`Guard`] of the same
    /// object is a deadlock.
    pub fn revoke(&self) -> bool {
        let revoked = self.is_available.xchg(false, Relaxed);

        if revoked {
            self.srcu.synchronize();
            // SAFETY: Only one caller sees the flag change. Readers that saw it set have left, and
            // those who come find it clear, so that nobody has a reference. It is initialised by the
            // invariants, and not used again.
            unsafe { drop_in_place(self.data.get()) };
        }
        revoked
    }
}

#[pinned_drop]
impl<T> PinnedDrop for SrcuRevocable<T> {
    fn drop(self: Pin<&mut Self>) {
        if self.is_available.load(Relaxed) {
            // SAFETY: It was not revoked and is initialised therefore, and nobody else has a
            // reference to `self`.
            unsafe { drop_in_place(self.data.get()) };
        }
    }
}

/// Access to the object of an [`SrcuRevocable`], which is not dropped meanwhile.
///
/// It belongs to the thread that got it: SRCU readers must not change threads.
///
/// # Invariants
///
/// `data` is initialised as long as `_reader` is there.
#[must_use = "the object may be dropped as soon as its guard is"]
pub struct Guard<'a, T> {
    // Not a reference: as a function's argument that would have to be valid until the end of the
    // function, and the object may be dropped as soon as the guard is.
    data: *const T,
    _reader: srcu::Guard<'a>,
    _revocable: PhantomData<&'a T>,
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: By the type invariants it is initialised as long as `self`, and nobody has a mutable
        // reference.
        unsafe { &*self.data }
    }
}
