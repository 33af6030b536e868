// SPDX-License-Identifier: GPL-2.0

//! Objects that can be revoked while sleeping readers use them.
//!
//! C header: [`include/linux/srcu.h`](srctree/include/linux/srcu.h)
//!
//! [`SrcuRevocable`] is to [`Revocable`](kernel::revocable::Revocable) what SRCU is to RCU: whoever
//! accesses the object may sleep meanwhile, and revoking it waits for exactly those who do.

use core::{
    ops::Deref,
    ptr::{
        self,
        drop_in_place, //
    }, //
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
            revocable: self,
            _reader: reader,
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
            // Somebody waits for this to tear things down, maybe for one object after the other.
            self.srcu.synchronize_expedited();
            // SAFETY: Only one caller sees the flag change. Readers that saw it set have left, and
            // those who come find it clear, so that nobody has a reference. It is initialised by the
            // invariants, and not used again.
            unsafe { drop_in_place(self.data.get()) };
        }
        revoked
    }

    /// Waits for those who access the object now. Those who come later are not waited for.
    ///
    /// Objects that are [`Attached`] are taken from readers with this. It sleeps, for as long as the
    /// slowest access takes. Calling it with a [`Guard`] of the same object is a deadlock.
    pub fn synchronize(&self) {
        // As in `revoke()`.
        self.srcu.synchronize_expedited();
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
/// The object of `revocable` is initialised as long as `_reader` is there, which is a reader of its SRCU.
#[must_use = "the object may be dropped as soon as its guard is"]
pub struct Guard<'a, T> {
    // Not a reference to the object: as a function's argument that would have to be valid until the end
    // of the function, and the object may be dropped as soon as the guard is.
    revocable: &'a SrcuRevocable<T>,
    _reader: srcu::Guard<'a>,
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: By the type invariants it is initialised as long as `self`, and nobody has a mutable
        // reference.
        unsafe { &*self.revocable.data.get() }
    }
}

/// An object that is reached by those who access an [`SrcuRevocable`] only, its owner, and that can be
/// taken from them while they go on accessing that.
///
/// It has no SRCU of its own. Any number of objects is taken from the readers by [`Attached::detach`] of
/// each and one [`SrcuRevocable::synchronize`] of their owner: no reader has a reference to any of them
/// after that, nor gets one. Nor does any reader after [`SrcuRevocable::revoke`] of the owner, for as long
/// as the owner exists: owners are told apart by their addresses.
///
/// The object itself is dropped with the `Attached`.
pub struct Attached<T> {
    is_attached: AtomicFlag,
    /// The address of the owner, which readers are compared with.
    owner: usize,
    object: T,
}

impl<T> Attached<T> {
    /// Attaches an object to the `SrcuRevocable` that is accessed with `guard`.
    pub fn new<U>(object: T, guard: &Guard<'_, U>) -> Self {
        Self {
            is_attached: AtomicFlag::new(true),
            owner: ptr::from_ref(guard.revocable).addr(),
            object,
        }
    }

    /// The object, as long as the guard is there; [`None`] if it was detached, or if it is attached to
    /// something else than what is accessed with `guard`.
    pub fn access<'a, U>(&'a self, guard: &'a Guard<'_, U>) -> Option<&'a T> {
        let is_owner = self.owner == ptr::from_ref(guard.revocable).addr();

        // Relaxed: the grace period orders this read against what follows it, as in `try_access()`.
        (is_owner && self.is_attached.load(Relaxed)).then_some(&self.object)
    }

    /// Makes the object inaccessible to those who come later.
    ///
    /// Those who have a reference to it keep that until they give up their guard:
    /// [`SrcuRevocable::synchronize`] waits for them.
    pub fn detach(&self) {
        self.is_attached.store(false, Relaxed);
    }
}

#[cfg(CONFIG_NVMEM_RUST_KUNIT_TEST)]
#[kunit_tests(srcu_revocable)]
mod tests {
    use super::*;
    use kernel::{
        new_work, static_lock_class,
        sync::{
            atomic::{
                Acquire,
                Atomic,
                Release, //
            },
            Arc,
            Completion, //
        },
        time::{
            delay::fsleep,
            Delta, //
        },
        workqueue::{
            self,
            Work,
            WorkItem, //
        },
    };

    /// Counts how often it is dropped.
    struct Counted(Arc<Atomic<u32>>);

    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Release);
        }
    }

    fn counted() -> Result<(Arc<Atomic<u32>>, Pin<KBox<SrcuRevocable<Counted>>>)> {
        let drops = Arc::new(Atomic::new(0), GFP_KERNEL)?;
        let object = KBox::pin_init(
            SrcuRevocable::new(Counted(drops.clone()), c"test", static_lock_class!()),
            GFP_KERNEL,
        )?;
        Ok((drops, object))
    }

    #[test]
    fn access_gives_the_object() -> Result {
        let number = KBox::pin_init(
            SrcuRevocable::new(7, c"test", static_lock_class!()),
            GFP_KERNEL,
        )?;
        let guard = number.try_access().ok_or(ENODEV)?;
        let nested = number.try_access().ok_or(ENODEV)?;
        assert_eq!((*guard, *nested), (7, 7));
        assert_eq!(number.try_access_with(|number| number + 1), Some(8));
        Ok(())
    }

    #[test]
    fn revoking_drops_once_and_ends_access() -> Result {
        let (drops, object) = counted()?;
        assert_eq!(object.revoke(), true);
        assert_eq!(drops.load(Acquire), 1);
        assert_eq!(object.try_access().is_none(), true);
        assert_eq!(object.try_access_with(|_| ()), None);

        assert_eq!(object.revoke(), false);
        drop(object);
        assert_eq!(drops.load(Acquire), 1);
        Ok(())
    }

    #[test]
    fn dropping_drops_what_was_not_revoked() -> Result {
        let (drops, object) = counted()?;
        drop(object.try_access());
        assert_eq!(drops.load(Acquire), 0);
        drop(object);
        assert_eq!(drops.load(Acquire), 1);
        Ok(())
    }

    #[test]
    fn attached_objects_are_reached_by_readers_of_their_owner() -> Result {
        let (_, owner) = counted()?;
        let (_, other) = counted()?;
        let guard = owner.try_access().ok_or(ENODEV)?;
        let nested = owner.try_access().ok_or(ENODEV)?;
        let foreign = other.try_access().ok_or(ENODEV)?;
        let attached = Attached::new(7, &guard);
        assert_eq!(attached.access(&guard), Some(&7));
        assert_eq!(attached.access(&nested), Some(&7));
        assert_eq!(attached.access(&foreign), None);

        attached.detach();
        assert_eq!(attached.access(&guard), None);
        Ok(())
    }

    /// Revokes an object, or only waits for its readers, while others read.
    #[pin_data]
    struct Revoker {
        #[pin]
        object: SrcuRevocable<Counted>,
        only_synchronizes: bool,
        returned: Atomic<u32>,
        #[pin]
        begun: Completion,
        #[pin]
        ended: Completion,
        #[pin]
        work: Work<Self>,
    }

    kernel::impl_has_work! {
        impl HasWork<Self> for Revoker { self.work }
    }

    impl WorkItem for Revoker {
        type Pointer = Arc<Self>;

        fn run(this: Arc<Self>) {
            this.begun.complete_all();
            if this.only_synchronizes {
                this.object.synchronize();
            } else {
                this.object.revoke();
            }
            this.returned.store(1, Release);
            this.ended.complete_all();
        }
    }

    fn revoker(only_synchronizes: bool) -> Result<(Arc<Atomic<u32>>, Arc<Revoker>)> {
        let drops = Arc::new(Atomic::new(0), GFP_KERNEL)?;
        let counted = Counted(drops.clone());
        let revoker = Arc::pin_init(
            try_pin_init!(Revoker {
                object <- SrcuRevocable::new(counted, c"test", static_lock_class!()),
                only_synchronizes,
                returned: Atomic::new(0),
                begun <- Completion::new(),
                ended <- Completion::new(),
                work <- new_work!("revoker"),
            }),
            GFP_KERNEL,
        )?;
        Ok((drops, revoker))
    }

    #[test]
    fn revoking_waits_for_a_reader_who_sleeps() -> Result {
        let (drops, revoker) = revoker(false)?;
        let guard = revoker.object.try_access().ok_or(ENODEV)?;
        let queued = workqueue::system_unbound().enqueue(revoker.clone());
        assert_eq!(queued.is_ok(), true);
        revoker.begun.wait_for_completion();

        // Whoever comes is refused as soon as revoking has begun, which is not until the flag is clear.
        while revoker.object.try_access().is_some() {
            fsleep(Delta::from_millis(1));
        }
        fsleep(Delta::from_millis(50));
        assert_eq!(revoker.returned.load(Acquire), 0);
        assert_eq!(drops.load(Acquire), 0);
        assert_eq!(guard.0.load(Acquire), 0);

        drop(guard);
        revoker.ended.wait_for_completion();
        assert_eq!(drops.load(Acquire), 1);
        Ok(())
    }

    #[test]
    fn synchronizing_waits_for_a_reader_and_keeps_the_object() -> Result {
        let (drops, revoker) = revoker(true)?;
        let guard = revoker.object.try_access().ok_or(ENODEV)?;
        let queued = workqueue::system_unbound().enqueue(revoker.clone());
        assert_eq!(queued.is_ok(), true);
        revoker.begun.wait_for_completion();
        fsleep(Delta::from_millis(50));
        assert_eq!(revoker.returned.load(Acquire), 0);

        drop(guard);
        revoker.ended.wait_for_completion();
        assert_eq!(revoker.object.try_access().is_some(), true);
        assert_eq!(drops.load(Acquire), 0);
        Ok(())
    }
}
