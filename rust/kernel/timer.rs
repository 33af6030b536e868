// SPDX-License-Identifier: GPL-2.0

//! Timers of jiffies resolution that cannot outlive their owner.
//!
//! C header: [`include/linux/timer.h`](srctree/include/linux/timer.h)
//!
//! A [`Timer`] owns what its callback uses. Dropping it stops the timer, waits for a callback that
//! is running on another CPU, and makes arming it again impossible; only then is the handler
//! dropped. There is no call to forget.

use core::{
    marker::PhantomPinned,
    ptr, //
};
use kernel::{
    bindings,
    prelude::*,
    sync::LockClassKey,
    time::Jiffies,
    types::Opaque, //
};

/// Reads the current time in jiffies, which wraps around.
pub fn jiffies() -> Jiffies {
    // SAFETY: `jiffies` is always there to be read, and no wider than a register, so that the read
    // cannot tear.
    unsafe { ptr::read_volatile(&raw const bindings::jiffies) }
}

/// What happens when a [`Timer`] expires.
pub trait Handler: Send + Sync + 'static {
    /// Called in softirq context once the time that was last set by [`Timer::arm`] is reached.
    ///
    /// It may still be called for a time that was replaced while the expiry was under way. A handler
    /// that cares compares times itself.
    fn expired(&self);
}

/// A `struct timer_list` with the handler that it calls.
///
/// Dropping it waits for the handler, and so must not be done by that, under a lock that it takes, or in
/// an interrupt handler.
///
/// # Invariants
///
/// `timer` was initialised by `timer_init_key()` with `Self::callback`, and is embedded in a pinned
/// `Self`. It is shut down before `handler` is dropped.
///
/// # Examples
///
/// ```ignore
/// struct Log;
///
/// impl timer::Handler for Log {
///     fn expired(&self) {
///         pr_info!("expired\n");
///     }
/// }
///
/// let timer = KBox::pin_init(Timer::new(Log, c"log", static_lock_class!()), GFP_KERNEL)?;
/// timer.arm(timer::jiffies().wrapping_add(msecs_to_jiffies(500)));
/// // Dropping `timer` waits for `expired()` if it runs, and prevents it if it has not begun.
/// ```
#[pin_data(PinnedDrop)]
pub struct Timer<H: Handler> {
    #[pin]
    timer: Opaque<bindings::timer_list>,
    handler: H,
    #[pin]
    _pin: PhantomPinned,
}

// SAFETY: Every timer function may be called from any thread, and `H` is `Send`.
unsafe impl<H: Handler> Send for Timer<H> {}

// SAFETY: The timer functions reached by `&self` lock the timer's base, and `H` is `Sync`.
unsafe impl<H: Handler> Sync for Timer<H> {}

impl<H: Handler> Timer<H> {
    /// Prepares a timer that is not armed; `name` and `key` are for lockdep.
    pub fn new(
        handler: H,
        name: &'static CStr,
        key: Pin<&'static LockClassKey>,
    ) -> impl PinInit<Self> {
        pin_init!(Self {
            timer <- Opaque::ffi_init(|slot| {
                // SAFETY: `slot` is valid for writes; it is pinned, and stays so until drop shuts
                // the timer down. `name` and `key` are static.
                unsafe {
                    bindings::timer_init_key(
                        slot,
                        Some(Self::callback),
                        0,
                        name.as_char_ptr(),
                        key.as_ptr(),
                    )
                }
            }),
            handler,
            _pin: PhantomPinned,
        })
    }

    /// Sets the time of expiry, replacing one that was set before.
    ///
    /// `at` is in jiffies as [`jiffies()`] counts them; a time in the past expires at the next tick.
    /// May be called in any context, also from the handler.
    pub fn arm(&self, at: Jiffies) {
        // SAFETY: By the type invariants, the timer is initialised.
        unsafe { bindings::mod_timer(self.timer.get(), at) };
    }

    /// # Safety
    ///
    /// `timer` must be the one of a [`Timer`] of this type.
    unsafe extern "C" fn callback(timer: *mut bindings::timer_list) {
        // SAFETY: By the type invariants, `timer` is embedded in a `Self`. That outlives this call,
        // because drop waits for it in `timer_shutdown_sync()`.
        let this = unsafe { &*kernel::container_of!(Opaque::cast_from(timer), Self, timer) };

        this.handler.expired();
    }
}

#[pinned_drop]
impl<H: Handler> PinnedDrop for Timer<H> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariants, the timer is initialised.
        unsafe { bindings::timer_shutdown_sync(self.timer.get()) };
    }
}
