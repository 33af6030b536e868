// SPDX-License-Identifier: GPL-2.0

//! Kinds of EEPROMs, and the properties that the name of a kind implies.
//!
//! Pure logic, on `core` alone.

/// The number of bytes that address the memory of a chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressWidth {
    One,
    Two,
}

impl AddressWidth {
    /// The number of bytes of the memory that one i2c address reaches.
    pub const fn span(self) -> u32 {
        match self {
            Self::One => 1 << 8,
            Self::Two => 1 << 16,
        }
    }
}

/// The part of a chip that is read and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents {
    /// Its memory, from address 0 on.
    Memory,
    /// Its serial number.
    Serial,
    /// Its MAC address: an EUI-48 or EUI-64, which ends at address 0xa0.
    Mac,
}

/// The users who may read a chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Root.
    Root,
    /// All users.
    Everybody,
    /// All users, but bytes that [`is_private`] names read as zero without `CAP_SYS_ADMIN`. For Vaio laptops.
    VaioUsers,
}

/// A kind of EEPROM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chip {
    /// In bytes.
    pub size: u32,
    pub width: AddressWidth,
    pub contents: Contents,
    pub read_only: bool,
    pub readers: Readers,
    /// It responds to eight addresses, regardless of its size.
    pub takes_eight_addresses: bool,
    /// The distance of its i2c addresses.
    pub address_step: u16,
    /// The Serial Presence Detect of a memory module, which may have a temperature sensor beside it.
    pub is_spd: bool,
}

impl Chip {
    /// A chip of `size` bytes, whose memory is written, and read by root alone.
    pub const fn new(size: u32, width: AddressWidth) -> Self {
        Self {
            size,
            width,
            contents: Contents::Memory,
            read_only: false,
            readers: Readers::Root,
            takes_eight_addresses: false,
            address_step: 1,
            is_spd: false,
        }
    }

    /// The part of a chip that cannot be written.
    pub const fn fixed(size: u32, width: AddressWidth, contents: Contents) -> Self {
        Self {
            contents,
            read_only: true,
            ..Self::new(size, width)
        }
    }
}

/// Whether the byte at `offset` of a Vaio laptop's EEPROM is part of a password, the UUID or the serial number.
pub const fn is_private(offset: u32) -> bool {
    matches!(offset, 0x00..=0x1f | 0xc0..=0xdf)
}
