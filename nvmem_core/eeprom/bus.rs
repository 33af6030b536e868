// SPDX-License-Identifier: GPL-2.0

//! Transfers to and from the memory of an EEPROM, by the means that the adapter has.

use super::{
    chip::AddressWidth,
    deadline::Failure,
    memory::{
        Limits,
        Step, //
    },
};
use crate::i2c_transfer::{
    self as transfer,
    Data,
    Functionality,
    Message,
    SMBUS_BLOCK_MAX, //
};
use kernel::{
    bindings,
    device::Bound,
    i2c::I2cClient,
    prelude::*, //
};

/// The most bytes of a transfer, so that other devices on the bus get their turn: 13 ms at 100 kHz.
const IO_LIMIT: usize = 128;

/// The means of an adapter, in order of preference.
#[derive(Clone, Copy)]
enum Means {
    /// Any messages.
    I2c,
    /// SMBus blocks; a chip with two address bytes is read byte by byte.
    Blocks,
    /// SMBus bytes, and words for a chip with two address bytes.
    Bytes,
}

/// The way to the memory of a chip.
#[derive(Clone, Copy)]
pub struct Bus {
    means: Means,
    width: AddressWidth,
}

impl Bus {
    /// Chooses the means for a chip on the adapter of `client`, with the limits of a transfer.
    ///
    /// Fails with `EOPNOTSUPP` if the adapter has none.
    pub fn new(client: &I2cClient<Bound>, width: AddressWidth) -> Result<(Self, Limits)> {
        const BYTE: u32 = bindings::I2C_FUNC_SMBUS_READ_BYTE;
        const READ_BYTE_DATA: u32 = bindings::I2C_FUNC_SMBUS_READ_BYTE_DATA;
        const WRITE_BYTE_DATA: u32 = bindings::I2C_FUNC_SMBUS_WRITE_BYTE_DATA;
        const WRITE_WORD_DATA: u32 = bindings::I2C_FUNC_SMBUS_WRITE_WORD_DATA;
        const READ_BLOCK: u32 = bindings::I2C_FUNC_SMBUS_READ_I2C_BLOCK;
        const WRITE_BLOCK: u32 = bindings::I2C_FUNC_SMBUS_WRITE_I2C_BLOCK;

        let adapter = Functionality::of(client);
        let (means, limits) = if adapter.has(bindings::I2C_FUNC_I2C) {
            let address_bytes = match width {
                AddressWidth::One => 1,
                AddressWidth::Two => 2,
            };
            let longest = transfer::Limits::of(client);
            let limit = |len: Option<u16>| len.map_or(IO_LIMIT, |len| IO_LIMIT.min(len.into()));
            let limits = Limits {
                read: limit(longest.read),
                write: limit(longest.write.map(|len| len.saturating_sub(address_bytes))),
            };
            (Means::I2c, limits)
        } else {
            let (blocks, bytes, rest) = match width {
                AddressWidth::One => (
                    READ_BLOCK | WRITE_BLOCK,
                    READ_BYTE_DATA | WRITE_BYTE_DATA,
                    SMBUS_BLOCK_MAX,
                ),
                // The second byte of an address takes the place of a byte of the block.
                AddressWidth::Two => (
                    WRITE_BLOCK | WRITE_BYTE_DATA | BYTE,
                    WRITE_WORD_DATA | WRITE_BYTE_DATA | BYTE,
                    SMBUS_BLOCK_MAX.saturating_sub(1),
                ),
            };
            if adapter.has(blocks) {
                let limits = Limits {
                    read: SMBUS_BLOCK_MAX,
                    write: rest,
                };
                (Means::Blocks, limits)
            } else if adapter.has(bytes) {
                let limits = match width {
                    AddressWidth::One => Limits { read: 1, write: 1 },
                    AddressWidth::Two => Limits {
                        read: SMBUS_BLOCK_MAX,
                        write: 1,
                    },
                };
                (Means::Bytes, limits)
            } else {
                return Err(EOPNOTSUPP);
            }
        };
        Ok((Self { means, width }, limits))
    }

    /// Reads one step into `bytes`, which are as many.
    pub fn read(
        &self,
        client: &I2cClient<Bound>,
        step: &Step,
        bytes: &mut [u8],
    ) -> Result<(), Failure<Error>> {
        let [high, low] = step.word.to_be_bytes();
        let address = step.address;
        let (one, two) = ([low], [high, low]);
        match (self.means, self.width) {
            (Means::I2c, width) => transfer::transfer(
                client,
                [
                    Message {
                        address,
                        data: Data::Write(match width {
                            AddressWidth::One => &one,
                            AddressWidth::Two => &two,
                        }),
                    },
                    Message {
                        address,
                        data: Data::Read(bytes),
                    },
                ],
            ),
            (Means::Blocks, AddressWidth::One) => {
                transfer::smbus_read_i2c_block(client, address, low, bytes)
            }
            (Means::Bytes, AddressWidth::One) => {
                bytes
                    .iter_mut()
                    .zip(low..=u8::MAX)
                    .try_for_each(|(byte, word)| {
                        *byte = transfer::smbus_read_byte_data(client, address, word)?;
                        Ok(())
                    })
            }
            // The chip counts its address up by itself.
            (Means::Blocks | Means::Bytes, AddressWidth::Two) => {
                transfer::smbus_write_byte_data(client, address, high, low).and_then(|()| {
                    bytes.iter_mut().try_for_each(|byte| {
                        *byte = transfer::smbus_read_byte(client, address)?;
                        Ok(())
                    })
                })
            }
        }
        .map_err(failure)
    }

    /// Writes one step from `bytes`, which are as many.
    pub fn write(
        &self,
        client: &I2cClient<Bound>,
        step: &Step,
        bytes: &[u8],
    ) -> Result<(), Failure<Error>> {
        let [high, low] = step.word.to_be_bytes();
        let address = step.address;
        let mut message = [0; IO_LIMIT + 2];
        match (self.means, self.width, bytes) {
            (Means::I2c, AddressWidth::One, _) => {
                join(&[low], bytes, &mut message).and_then(|message| {
                    let data = Data::Write(message);
                    transfer::transfer(client, [Message { address, data }])
                })
            }
            (Means::I2c, AddressWidth::Two, _) => {
                join(&[high, low], bytes, &mut message).and_then(|message| {
                    let data = Data::Write(message);
                    transfer::transfer(client, [Message { address, data }])
                })
            }
            (Means::Blocks, AddressWidth::One, _) => {
                transfer::smbus_write_i2c_block(client, address, low, bytes)
            }
            (Means::Blocks, AddressWidth::Two, _) => join(&[low], bytes, &mut message)
                .and_then(|block| transfer::smbus_write_i2c_block(client, address, high, block)),
            (Means::Bytes, AddressWidth::One, &[byte]) => {
                transfer::smbus_write_byte_data(client, address, low, byte)
            }
            // The lower byte of a word is sent first.
            (Means::Bytes, AddressWidth::Two, &[byte]) => {
                let word = u16::from_le_bytes([low, byte]);
                transfer::smbus_write_word_data(client, address, high, word)
            }
            (Means::Bytes, _, _) => Err(EINVAL),
        }
        .map_err(failure)
    }
}

/// Copies the two parts of a message into `buffer`.
fn join<'a>(address: &[u8], bytes: &[u8], buffer: &'a mut [u8]) -> Result<&'a [u8]> {
    let len = address.len().checked_add(bytes.len()).ok_or(EINVAL)?;
    let message = buffer.get_mut(..len).ok_or(EINVAL)?;
    let (head, tail) = message.split_at_mut_checked(address.len()).ok_or(EINVAL)?;
    head.copy_from_slice(address);
    tail.copy_from_slice(bytes);
    Ok(message)
}

/// Whether another attempt may succeed. A chip that is busy does not acknowledge its address, for which
/// adapters have several errors.
fn failure(error: Error) -> Failure<Error> {
    match error {
        // The adapter is gone or suspended, refuses the transfer as such, or the task is being killed.
        ENODEV | ESHUTDOWN | EINVAL | ENOMEM | EOPNOTSUPP | EINTR => Failure::Final(error),
        _ => Failure::Transient,
    }
}
