// SPDX-License-Identifier: GPL-2.0

//! Further clients that the driver of an i2c device makes.
//!
//! C header: [`include/linux/i2c.h`](srctree/include/linux/i2c.h)

use core::ptr::{
    self,
    NonNull, //
};
use kernel::{
    bindings,
    device::Bound,
    devres::Devres,
    error::from_err_ptr,
    i2c::{
        I2cBoardInfo,
        I2cClient, //
    },
    prelude::*, //
};

/// An address that is reserved for a device, until this is dropped.
///
/// The i2c core shows it as a client of the driver `dummy`. It exists within [`Devres`] only, which drops it
/// before the device is unbound: when an adapter is removed, the core unregisters its other clients first, and
/// then the dummy clients that are left.
///
/// # Invariants
///
/// `0` is a registered dummy client, which nobody else unregisters.
pub struct DummyClient(NonNull<bindings::i2c_client>);

impl DummyClient {
    /// Reserves the 7-bit `address` on the adapter of `client`.
    ///
    /// Fails with `EBUSY` if the address is in use, and with `EINVAL` if it is not a valid one.
    pub fn new(client: &I2cClient<Bound>, address: u16) -> Result<Devres<Self>> {
        Devres::new(client.as_ref(), Self::register(client, address))
    }

    fn register(client: &I2cClient<Bound>, address: u16) -> Result<Self> {
        // CAST: `I2cClient` is a transparent wrapper.
        let raw = ptr::from_ref(client).cast::<bindings::i2c_client>();
        // SAFETY: The client is bound, so that its adapter exists.
        let dummy =
            from_err_ptr(unsafe { bindings::i2c_new_dummy_device((*raw).adapter, address) })?;
        // INVARIANT: The client was just registered. User space deletes only clients that it has made, and the
        // i2c core unregisters dummy clients after `Devres` has dropped this.
        NonNull::new(dummy).map(Self).ok_or(ENODEV)
    }
}

impl Drop for DummyClient {
    fn drop(&mut self) {
        // SAFETY: By the type invariants.
        unsafe { bindings::i2c_unregister_device(self.0.as_ptr()) };
    }
}

// SAFETY: A client may be unregistered by any thread that may sleep.
unsafe impl Send for DummyClient {}

// SAFETY: There is no method on `&self`.
unsafe impl Sync for DummyClient {}

/// Registers a client for another device that is known to be on the bus of `client`.
///
/// The adapter owns it: it stays when the driver of `client` is unbound, since an adapter that is removed
/// unregisters its clients in any order.
///
/// Fails with `EBUSY` if the address is in use, and with `EINVAL` if it is not a valid one.
pub fn add_neighbour(client: &I2cClient<Bound>, info: &I2cBoardInfo) -> Result {
    // CAST: `I2cClient` and `I2cBoardInfo` are transparent wrappers.
    let (raw, info) = (
        ptr::from_ref(client).cast::<bindings::i2c_client>(),
        ptr::from_ref(info).cast::<bindings::i2c_board_info>(),
    );
    // SAFETY: The client is bound, so that its adapter exists. The information is copied.
    from_err_ptr(unsafe { bindings::i2c_new_client_device((*raw).adapter, info) }).map(|_| ())
}
