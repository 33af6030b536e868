// SPDX-License-Identifier: GPL-2.0

//! SMBus helpers of the i2c core.
//!
//! C header: [`include/linux/i2c.h`](srctree/include/linux/i2c.h)

use kernel::bindings;

/// Returns the packet error code of `bytes` that follow data whose code is `crc`; it starts from 0.
pub fn pec(crc: u8, bytes: &[u8]) -> u8 {
    // SAFETY: The function only reads, in spite of its signature, and no more than it is told to.
    unsafe { bindings::i2c_smbus_pec(crc, bytes.as_ptr().cast_mut(), bytes.len()) }
}
