// SPDX-License-Identifier: GPL-2.0

//! Transfers of an i2c driver.
//!
//! C header: [`include/linux/i2c.h`](srctree/include/linux/i2c.h)
//!
//! Each function takes a bound client, whose adapter therefore exists, and the 7-bit address that is meant: a
//! device may have several. All functions may sleep. They fail with the adapter's error, which is `ENXIO`
//! from most adapters if no device acknowledges the address (`Documentation/i2c/fault-codes.rst`).

use core::ptr;
use kernel::{
    bindings,
    device::Bound,
    i2c::I2cClient,
    prelude::*, //
};

/// The longest SMBus block, in bytes.
pub const SMBUS_BLOCK_MAX: usize = bindings::I2C_SMBUS_BLOCK_MAX as usize;

/// Returns the 7-bit address of a client.
///
/// Fails with `EINVAL` for a client with ten-bit addressing.
pub fn address(client: &I2cClient<Bound>) -> Result<u16> {
    // SAFETY: The client is valid. Both are set before it is registered.
    let (address, flags) = unsafe { ((*as_raw(client)).addr, (*as_raw(client)).flags) };
    if u32::from(flags) & bindings::I2C_CLIENT_TEN != 0 {
        return Err(EINVAL);
    }
    Ok(address)
}

/// One message of a transfer.
pub struct Message<'a> {
    /// The 7-bit address.
    pub address: u16,
    /// The bytes.
    pub data: Data<'a>,
}

/// The bytes of a [`Message`]: at most 65535.
pub enum Data<'a> {
    /// Bytes for the device.
    Write(&'a [u8]),
    /// Room for bytes of the device, all of which it sends.
    Read(&'a mut [u8]),
}

/// Executes messages as one transfer, with a repeated start condition between them.
///
/// Fails with `EINVAL` if a message is too long, and with `EIO` if the adapter executes only some of them.
pub fn transfer<const N: usize>(client: &I2cClient<Bound>, messages: [Message<'_>; N]) -> Result {
    let mut raw = [bindings::i2c_msg::default(); N];
    for (raw, message) in raw.iter_mut().zip(messages) {
        let (buf, len) = match message.data {
            Data::Write(bytes) => (bytes.as_ptr().cast_mut(), bytes.len()),
            Data::Read(bytes) => {
                raw.flags = bindings::I2C_M_RD as u16;
                (bytes.as_mut_ptr(), bytes.len())
            }
        };
        raw.addr = message.address;
        raw.buf = buf;
        raw.len = u16::try_from(len).map_err(|_| EINVAL)?;
    }
    let count = c_int::try_from(N)?;
    // SAFETY: The client is bound, so that its adapter exists. Each message has the address and the length
    // of bytes that are borrowed for this call, exclusively if the adapter writes to them.
    let done = unsafe { bindings::i2c_transfer(adapter(client), raw.as_mut_ptr(), count) };
    match done {
        _ if done == count => Ok(()),
        0.. => Err(EIO),
        _ => Err(Error::from_errno(done)),
    }
}

/// The capabilities of an adapter: `I2C_FUNC_*`.
#[derive(Clone, Copy)]
pub struct Functionality(u32);

impl Functionality {
    /// Returns the capabilities of the adapter of `client`.
    pub fn of(client: &I2cClient<Bound>) -> Self {
        // SAFETY: The client is bound, so that its adapter exists. The algorithm of an adapter and its
        // functions are static.
        let functionality = unsafe { (*(*adapter(client)).algo).functionality };
        // SAFETY: As above; the i2c core calls the function in the same way.
        Self(functionality.map_or(0, |function| unsafe { function(adapter(client)) }))
    }

    /// Whether all of `wanted` are there.
    pub fn has(self, wanted: u32) -> bool {
        self.0 & wanted == wanted
    }
}

/// The longest messages that an adapter executes, in bytes; [`None`] if they are not limited.
pub struct Limits {
    /// Of a transfer that writes one message.
    pub write: Option<u16>,
    /// Of a message that is read after one that is written.
    pub read: Option<u16>,
}

impl Limits {
    /// Returns the limits of the adapter of `client`.
    pub fn of(client: &I2cClient<Bound>) -> Self {
        // SAFETY: The client is bound, so that its adapter exists. Its quirks are null or static.
        let Some(quirks) = (unsafe { (*adapter(client)).quirks.as_ref() }) else {
            return Self {
                write: None,
                read: None,
            };
        };
        // Zero is no limit.
        let limit = |len: u16| (len != 0).then_some(len);
        let read = [quirks.max_read_len, quirks.max_comb_2nd_msg_len];
        Self {
            write: limit(quirks.max_write_len),
            read: read.into_iter().filter_map(limit).min(),
        }
    }
}

/// Reads a block of `block.len()` bytes, at most [`SMBUS_BLOCK_MAX`], after writing `command`
/// (`I2C_FUNC_SMBUS_READ_I2C_BLOCK`).
///
/// Fails with `EINVAL` for another length, and with `EIO` if the adapter reads less.
pub fn smbus_read_i2c_block(
    client: &I2cClient<Bound>,
    address: u16,
    command: u8,
    block: &mut [u8],
) -> Result {
    let mut bytes = [0; SMBUS_BLOCK_MAX + 2];
    let [len, ..] = &mut bytes;
    *len = block_len(block.len())?;
    let mut data = bindings::i2c_smbus_data { block: bytes };
    smbus(
        client,
        address,
        bindings::I2C_SMBUS_READ,
        command,
        bindings::I2C_SMBUS_I2C_BLOCK_DATA,
        &mut data,
    )?;
    // SAFETY: All fields are of plain bytes, which are initialised.
    let [len, bytes @ ..] = unsafe { &data.block };
    if usize::from(*len) != block.len() {
        return Err(EIO);
    }
    block.copy_from_slice(bytes.get(..block.len()).ok_or(EIO)?);
    Ok(())
}

/// Writes `command` and `block`, which has 1 to [`SMBUS_BLOCK_MAX`] bytes (`I2C_FUNC_SMBUS_WRITE_I2C_BLOCK`).
///
/// Fails with `EINVAL` for another length.
pub fn smbus_write_i2c_block(
    client: &I2cClient<Bound>,
    address: u16,
    command: u8,
    block: &[u8],
) -> Result {
    let mut bytes = [0; SMBUS_BLOCK_MAX + 2];
    let [len, rest @ ..] = &mut bytes;
    *len = block_len(block.len())?;
    rest.get_mut(..block.len())
        .ok_or(EINVAL)?
        .copy_from_slice(block);
    smbus(
        client,
        address,
        bindings::I2C_SMBUS_WRITE,
        command,
        bindings::I2C_SMBUS_I2C_BLOCK_DATA,
        &mut bindings::i2c_smbus_data { block: bytes },
    )
}

/// Reads a byte without writing a command (`I2C_FUNC_SMBUS_READ_BYTE`).
pub fn smbus_read_byte(client: &I2cClient<Bound>, address: u16) -> Result<u8> {
    let mut data = bindings::i2c_smbus_data { byte: 0 };
    smbus(
        client,
        address,
        bindings::I2C_SMBUS_READ,
        0,
        bindings::I2C_SMBUS_BYTE,
        &mut data,
    )?;
    // SAFETY: All fields are of plain bytes; the first one was initialised above.
    Ok(unsafe { data.byte })
}

/// Reads a byte after writing `command` (`I2C_FUNC_SMBUS_READ_BYTE_DATA`).
pub fn smbus_read_byte_data(client: &I2cClient<Bound>, address: u16, command: u8) -> Result<u8> {
    let mut data = bindings::i2c_smbus_data { byte: 0 };
    smbus(
        client,
        address,
        bindings::I2C_SMBUS_READ,
        command,
        bindings::I2C_SMBUS_BYTE_DATA,
        &mut data,
    )?;
    // SAFETY: As in `smbus_read_byte()`.
    Ok(unsafe { data.byte })
}

/// Writes `command` and a byte (`I2C_FUNC_SMBUS_WRITE_BYTE_DATA`).
pub fn smbus_write_byte_data(
    client: &I2cClient<Bound>,
    address: u16,
    command: u8,
    byte: u8,
) -> Result {
    smbus(
        client,
        address,
        bindings::I2C_SMBUS_WRITE,
        command,
        bindings::I2C_SMBUS_BYTE_DATA,
        &mut bindings::i2c_smbus_data { byte },
    )
}

/// Writes `command` and a word, its lower byte first (`I2C_FUNC_SMBUS_WRITE_WORD_DATA`).
pub fn smbus_write_word_data(
    client: &I2cClient<Bound>,
    address: u16,
    command: u8,
    word: u16,
) -> Result {
    smbus(
        client,
        address,
        bindings::I2C_SMBUS_WRITE,
        command,
        bindings::I2C_SMBUS_WORD_DATA,
        &mut bindings::i2c_smbus_data { word },
    )
}

fn block_len(len: usize) -> Result<u8> {
    match u8::try_from(len) {
        Ok(short) if (1..=SMBUS_BLOCK_MAX).contains(&len) => Ok(short),
        _ => Err(EINVAL),
    }
}

fn smbus(
    client: &I2cClient<Bound>,
    address: u16,
    direction: u32,
    command: u8,
    protocol: u32,
    data: &mut bindings::i2c_smbus_data,
) -> Result {
    // SAFETY: The client is valid. Its address and flags are set before it is registered.
    let (own, flags) = unsafe { ((*as_raw(client)).addr, (*as_raw(client)).flags) };
    // The flags, such as that for a packet error code, are of the client's own address.
    let flags = if address == own { flags } else { 0 };
    // CAST: The constants are 0 and 1, and below 10.
    let (direction, protocol) = (direction as c_char, protocol as c_int);
    // SAFETY: The client is bound, so that its adapter exists. `data` is borrowed for the call, has room for the longest block, and its first byte
    // is the length if the protocol is of a block.
    kernel::error::to_result(unsafe {
        bindings::i2c_smbus_xfer(
            adapter(client),
            address,
            flags,
            direction,
            command,
            protocol,
            data,
        )
    })
}

/// The client as C knows it.
fn as_raw(client: &I2cClient<Bound>) -> *mut bindings::i2c_client {
    // CAST: `I2cClient` is a transparent wrapper.
    ptr::from_ref(client).cast_mut().cast()
}

/// The adapter of a client, which exists for as long as the client is bound.
fn adapter(client: &I2cClient<Bound>) -> *mut bindings::i2c_adapter {
    // SAFETY: The client is valid; the field does not change.
    unsafe { (*as_raw(client)).adapter }
}
