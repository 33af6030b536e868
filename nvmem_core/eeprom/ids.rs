// SPDX-License-Identifier: GPL-2.0

//! The names of EEPROMs: those that the kernel's `at24` driver has.

use super::chip::{
    AddressWidth::{
        One,
        Two, //
    },
    Chip,
    Contents,
    Readers, //
};
use kernel::{
    acpi,
    i2c,
    of, //
};

/// The kind of chip that a name stands for; [`None`] for the name of the driver.
pub type Kind = Option<Chip>;

const fn memory(size: u32) -> Kind {
    Some(Chip::new(size, One))
}

const fn large(size: u32) -> Kind {
    Some(Chip::new(size, Two))
}

const fn fixed(size: u32, contents: Contents) -> Kind {
    Some(Chip::fixed(size, One, contents))
}

/// The Serial Presence Detect of a memory module.
const SPD: Chip = Chip {
    readers: Readers::Everybody,
    is_spd: true,
    ..Chip::fixed(256, One, Contents::Memory)
};

const C00: Kind = Some(Chip {
    takes_eight_addresses: true,
    ..Chip::new(16, One)
});
const C01: Kind = memory(128);
const C02: Kind = memory(256);
const C02_VAIO: Kind = Some(Chip {
    readers: Readers::VaioUsers,
    is_spd: false,
    ..SPD
});
const C04: Kind = memory(512);
const C08: Kind = memory(1024);
const C16: Kind = memory(2048);
const C32: Kind = large(4096);
const C64: Kind = large(8192);
const C128: Kind = large(16384);
const C256: Kind = large(32768);
const C512: Kind = large(65536);
const C1024: Kind = large(131_072);
/// The second half has an address of its own, four higher.
const C1025: Kind = Some(Chip {
    address_step: 4,
    ..Chip::new(131_072, Two)
});
const C2048: Kind = large(262_144);
/// The lockable page of an M24C32-D or M24C64-D.
const PAGE_32: Kind = large(32);
/// The lockable page of an M24256E.
const PAGE_64: Kind = large(64);
const SERIAL: Kind = fixed(16, Contents::Serial);
const SERIAL_LARGE: Kind = Some(Chip::fixed(16, Two, Contents::Serial));
const MAC_6: Kind = fixed(6, Contents::Mac);
const MAC_8: Kind = fixed(8, Contents::Mac);
/// Read from memory address 0 on, as `at24` does.
const AA025E48: Kind = fixed(6, Contents::Memory);
const AA025E64: Kind = fixed(8, Contents::Memory);

kernel::i2c_device_table!(
    I2C,
    Kind,
    [
        (i2c::DeviceId::new(c"24c00"), C00),
        (i2c::DeviceId::new(c"24c01"), C01),
        (i2c::DeviceId::new(c"24cs01"), SERIAL),
        (i2c::DeviceId::new(c"24c02"), C02),
        (i2c::DeviceId::new(c"24cs02"), SERIAL),
        (i2c::DeviceId::new(c"24mac402"), MAC_6),
        (i2c::DeviceId::new(c"24mac602"), MAC_8),
        (i2c::DeviceId::new(c"24aa025e48"), AA025E48),
        (i2c::DeviceId::new(c"24aa025e64"), AA025E64),
        (i2c::DeviceId::new(c"spd"), Some(SPD)),
        (i2c::DeviceId::new(c"24c02-vaio"), C02_VAIO),
        (i2c::DeviceId::new(c"24c04"), C04),
        (i2c::DeviceId::new(c"24cs04"), SERIAL),
        (i2c::DeviceId::new(c"24c08"), C08),
        (i2c::DeviceId::new(c"24cs08"), SERIAL),
        (i2c::DeviceId::new(c"24c16"), C16),
        (i2c::DeviceId::new(c"24cs16"), SERIAL),
        (i2c::DeviceId::new(c"24c32"), C32),
        (i2c::DeviceId::new(c"24c32d-wl"), PAGE_32),
        (i2c::DeviceId::new(c"24cs32"), SERIAL_LARGE),
        (i2c::DeviceId::new(c"24c64"), C64),
        (i2c::DeviceId::new(c"24c64-wl"), PAGE_32),
        (i2c::DeviceId::new(c"24cs64"), SERIAL_LARGE),
        (i2c::DeviceId::new(c"24c128"), C128),
        (i2c::DeviceId::new(c"24c256"), C256),
        (i2c::DeviceId::new(c"24256e-wl"), PAGE_64),
        (i2c::DeviceId::new(c"24c512"), C512),
        (i2c::DeviceId::new(c"24c1024"), C1024),
        (i2c::DeviceId::new(c"24c1025"), C1025),
        (i2c::DeviceId::new(c"24c2048"), C2048),
        (i2c::DeviceId::new(c"at24"), None),
    ]
);

kernel::of_device_table!(
    OF,
    Kind,
    [
        (of::DeviceId::new(c"atmel,24c00"), C00),
        (of::DeviceId::new(c"atmel,24c01"), C01),
        (of::DeviceId::new(c"atmel,24cs01"), SERIAL),
        (of::DeviceId::new(c"atmel,24c02"), C02),
        (of::DeviceId::new(c"atmel,24cs02"), SERIAL),
        (of::DeviceId::new(c"atmel,24mac402"), MAC_6),
        (of::DeviceId::new(c"atmel,24mac602"), MAC_8),
        (of::DeviceId::new(c"atmel,spd"), Some(SPD)),
        (of::DeviceId::new(c"atmel,24c04"), C04),
        (of::DeviceId::new(c"atmel,24cs04"), SERIAL),
        (of::DeviceId::new(c"atmel,24c08"), C08),
        (of::DeviceId::new(c"atmel,24cs08"), SERIAL),
        (of::DeviceId::new(c"atmel,24c16"), C16),
        (of::DeviceId::new(c"atmel,24cs16"), SERIAL),
        (of::DeviceId::new(c"atmel,24c32"), C32),
        (of::DeviceId::new(c"atmel,24c32d-wl"), PAGE_32),
        (of::DeviceId::new(c"atmel,24cs32"), SERIAL_LARGE),
        (of::DeviceId::new(c"atmel,24c64"), C64),
        (of::DeviceId::new(c"atmel,24c64d-wl"), PAGE_32),
        (of::DeviceId::new(c"atmel,24cs64"), SERIAL_LARGE),
        (of::DeviceId::new(c"atmel,24c128"), C128),
        (of::DeviceId::new(c"atmel,24c256"), C256),
        (of::DeviceId::new(c"atmel,24c512"), C512),
        (of::DeviceId::new(c"atmel,24c1024"), C1024),
        (of::DeviceId::new(c"atmel,24c1025"), C1025),
        (of::DeviceId::new(c"atmel,24c2048"), C2048),
        (of::DeviceId::new(c"microchip,24aa025e48"), AA025E48),
        (of::DeviceId::new(c"microchip,24aa025e64"), AA025E64),
        (of::DeviceId::new(c"st,24256e-wl"), PAGE_64),
    ]
);

kernel::acpi_device_table!(
    ACPI,
    Kind,
    [
        (acpi::DeviceId::new(c"INT3499"), C08),
        (acpi::DeviceId::new(c"TPF0001"), C1024),
    ]
);

/// The tables.
pub const I2C_IDS: i2c::IdTable<Kind> = &I2C;
pub const OF_IDS: of::IdTable<Kind> = &OF;
pub const ACPI_IDS: acpi::IdTable<Kind> = &ACPI;
