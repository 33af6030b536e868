// SPDX-License-Identifier: GPL-2.0

//! From offsets in an EEPROM to i2c addresses, memory addresses and lengths of transfers.
//!
//! Pure logic, on `core` alone.

use super::chip::{
    AddressWidth,
    Chip,
    Contents, //
};
use core::fmt;

/// The most i2c addresses that a chip may have.
const ADDRESSES_MAX: u32 = 8;

/// The last 7-bit address.
const LAST_ADDRESS: u16 = 0x7f;

/// The memory address of the first byte after a MAC address.
const MAC_END: u32 = 0xa0;

/// The properties of a device that override those of its kind. [`None`] stands for "not given".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    /// `pagesize`, in bytes.
    pub page_size: Option<u32>,
    /// `size`, in bytes.
    pub size: Option<u32>,
    /// `address-width`, in bits.
    pub address_width: Option<u32>,
    /// `num-addresses`.
    pub addresses: Option<u32>,
    /// `read-only`.
    pub read_only: bool,
    /// `no-read-rollover`.
    pub no_read_rollover: bool,
}

/// The lengths that one transfer is limited to, in bytes of the memory. Not zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub read: usize,
    pub write: usize,
}

/// The reason why a chip is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    AddressWidth(u32),
    NoSize,
    PageSize(u32),
    LargePage {
        page_size: u32,
        size: u32,
        span: u32,
    },
    Addresses(u32),
    Reach {
        size: u32,
        addresses: u32,
        span: u32,
    },
    LastAddress(u32),
    Contents {
        contents: Contents,
        size: u32,
    },
    NoTransfer,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddressWidth(bits) => write!(f, "address-width is {bits}, not 8 or 16"),
            Self::NoSize => write!(f, "size is 0"),
            Self::PageSize(bytes) => write!(f, "pagesize is {bytes}, not a power of 2"),
            Self::LargePage {
                page_size,
                size,
                span,
            } => write!(
                f,
                "pagesize is {page_size}: larger than the size, {size}, or than the {span} bytes of an address"
            ),
            Self::Addresses(count) => {
                write!(f, "num-addresses is {count}, not between 1 and {ADDRESSES_MAX}")
            }
            Self::Reach {
                size,
                addresses,
                span,
            } => write!(
                f,
                "size is {size}: {addresses} addresses of {span} bytes do not reach that far"
            ),
            Self::LastAddress(address) => write!(
                f,
                "the last of the addresses is {address:#x}, and {LAST_ADDRESS:#x} is the highest there is"
            ),
            Self::Contents { contents, size } => {
                write!(f, "size is {size}, too large for the chip's {contents:?}")
            }
            Self::NoTransfer => write!(f, "the adapter cannot transfer a single byte"),
        }
    }
}

/// The part of an access that one transfer executes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The i2c address.
    pub address: u16,
    /// The memory address.
    pub word: u16,
    /// The number of bytes, at least 1.
    pub len: usize,
}

/// The memory of a chip.
///
/// # Invariants
///
/// - `size` is not 0, and `addresses` spans of `width` reach it.
/// - All i2c addresses are valid 7-bit addresses.
/// - `base_word` and the memory address of each byte fit `width`.
/// - `page_size` is a power of two, and for a chip that is written neither larger than `size` nor than the
///   span of `width`.
/// - `read_max` and `write_max` are not 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    size: u32,
    page_size: u32,
    width: AddressWidth,
    read_only: bool,
    stops_at_addresses: bool,
    address: u16,
    address_step: u16,
    addresses: u16,
    base_word: u16,
    read_max: usize,
    write_max: usize,
}

impl Memory {
    /// The address width of a chip with these properties.
    pub fn width(chip: &Chip, properties: &Properties) -> Result<AddressWidth, Refused> {
        match properties.address_width {
            None => Ok(chip.width),
            Some(8) => Ok(AddressWidth::One),
            Some(16) => Ok(AddressWidth::Two),
            Some(bits) => Err(Refused::AddressWidth(bits)),
        }
    }

    /// The memory of a chip with its first i2c address at `address`.
    pub fn new(
        chip: &Chip,
        properties: &Properties,
        address: u16,
        limits: Limits,
    ) -> Result<Self, Refused> {
        let width = Self::width(chip, properties)?;
        let span = width.span();
        let size = properties.size.unwrap_or(chip.size);
        let read_only = chip.read_only || properties.read_only;
        // A larger page than the chip's overwrites data, a smaller one is slow only.
        let page_size = properties.page_size.unwrap_or(1);

        if size == 0 {
            return Err(Refused::NoSize);
        }
        if page_size == 0 || !read_only && !page_size.is_power_of_two() {
            return Err(Refused::PageSize(page_size));
        }
        if !read_only && page_size > size.min(span) {
            return Err(Refused::LargePage {
                page_size,
                size,
                span,
            });
        }

        let needed = size.div_ceil(span);
        let addresses = match properties.addresses {
            Some(count @ 1..=ADDRESSES_MAX) => count,
            Some(count) => return Err(Refused::Addresses(count)),
            None if chip.takes_eight_addresses => ADDRESSES_MAX,
            None => needed.min(ADDRESSES_MAX),
        };
        if addresses < needed {
            return Err(Refused::Reach {
                size,
                addresses,
                span,
            });
        }
        let last = addresses
            .saturating_sub(1)
            .saturating_mul(chip.address_step.into())
            .saturating_add(address.into());
        if last > LAST_ADDRESS.into() {
            return Err(Refused::LastAddress(last));
        }

        let base_word = match (chip.contents, width) {
            (Contents::Memory, _) => Some(0),
            // Bits 11 and 10, or 7 and 6, of the memory address are "10" for a serial number.
            (Contents::Serial, AddressWidth::Two) => Some(0x0800),
            (Contents::Serial, AddressWidth::One) => Some(0x80),
            (Contents::Mac, _) => MAC_END.checked_sub(size),
        };
        let too_large = Refused::Contents {
            contents: chip.contents,
            size,
        };
        let base_word = base_word.ok_or(too_large)?;
        if base_word != 0 && base_word.saturating_add(size) > span {
            return Err(too_large);
        }
        if limits.read == 0 || limits.write == 0 {
            return Err(Refused::NoTransfer);
        }

        // INVARIANT: As checked above, in this order.
        Ok(Self {
            size,
            page_size,
            width,
            read_only,
            stops_at_addresses: properties.no_read_rollover,
            address,
            address_step: chip.address_step,
            addresses: u16::try_from(addresses).map_err(|_| Refused::Addresses(addresses))?,
            base_word: u16::try_from(base_word).map_err(|_| too_large)?,
            read_max: limits.read,
            write_max: limits.write.min(page_size as usize),
        })
    }

    /// In bytes.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// Whether writes are refused.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// The most bytes that a transfer writes.
    pub fn write_max(&self) -> usize {
        self.write_max
    }

    /// The i2c addresses after the first one.
    pub fn further_addresses(&self) -> impl Iterator<Item = u16> {
        let (first, step) = (self.address, self.address_step);
        (1..self.addresses).map(move |index| first.saturating_add(index.saturating_mul(step)))
    }

    /// Whether all of `count` bytes at `offset` are within the memory.
    pub fn contains(&self, offset: u32, count: usize) -> bool {
        u32::try_from(count)
            .ok()
            .and_then(|count| offset.checked_add(count))
            .is_some_and(|end| end <= self.size)
    }

    /// The first transfer of a read of `count` bytes at `offset`; [`None`] if there is nothing to read, or the
    /// memory ends before.
    pub fn read_step(&self, offset: u32, count: usize) -> Option<Step> {
        let mut len = count.min(self.read_max);
        if self.stops_at_addresses {
            len = len.min(self.left_of(offset, self.width.span()));
        }
        self.step(offset, len)
    }

    /// The first transfer of a write, as for [`Self::read_step`]. It ends where a page does, and so where an
    /// i2c address does.
    pub fn write_step(&self, offset: u32, count: usize) -> Option<Step> {
        let page = self.left_of(offset, self.page_size);
        self.step(offset, count.min(self.write_max).min(page))
    }

    /// The number of bytes from `offset` to the next multiple of `block`, a power of two.
    fn left_of(&self, offset: u32, block: u32) -> usize {
        let inside = offset & block.saturating_sub(1);
        block.saturating_sub(inside) as usize
    }

    fn step(&self, offset: u32, len: usize) -> Option<Step> {
        if len == 0 || !self.contains(offset, len) {
            return None;
        }
        let (index, word) = match self.width {
            AddressWidth::One => (offset >> 8, offset & 0xff),
            AddressWidth::Two => (offset >> 16, offset & 0xffff),
        };
        let index = u16::try_from(index).ok()?;
        Some(Step {
            address: index
                .checked_mul(self.address_step)?
                .checked_add(self.address)?,
            word: u16::try_from(word).ok()?.checked_add(self.base_word)?,
            len,
        })
    }
}
