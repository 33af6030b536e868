// SPDX-License-Identifier: GPL-2.0

//! An nvmem provider and a consumer in safe Rust: 256 bytes of RAM that appear as
//! `/sys/bus/nvmem/devices/ram0/nvmem`.
//!
//! The consumer holds the device when the provider is unregistered, and gets `ENODEV`.

#![expect(
    unreachable_pub,
    reason = "files in rust/ are written for the kernel crate"
)]

use kernel::{
    device::{
        self,
        Bound, //
    },
    devres::Devres,
    faux,
    new_mutex,
    prelude::*,
    sync::Mutex, //
};

#[path = "../rust/bindings/lib.rs"]
mod bindings;
#[path = "../rust/kernel/nvmem.rs"]
#[allow(dead_code, reason = "a sample does not use all of it")]
mod nvmem;

const SIZE: usize = 256;

/// The cells of the memory.
const CELLS: [nvmem::CellInfo<'_>; 2] = [
    nvmem::CellInfo::new(c"serial-number", 0x00, 8),
    nvmem::CellInfo::new(c"mac-address", 0x10, 6),
];

/// The provider.
#[pin_data]
struct Ram {
    #[pin]
    bytes: Mutex<[u8; SIZE]>,
}

#[vtable]
impl nvmem::Provider for Ram {
    fn read(&self, _dev: &device::Device<Bound>, offset: u32, buf: &mut [u8]) -> Result {
        let bytes = self.bytes.lock();
        let from = bytes.iter().skip(offset as usize);
        buf.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        Ok(())
    }

    fn write(&self, _dev: &device::Device<Bound>, offset: u32, buf: &[u8]) -> Result {
        let mut bytes = self.bytes.lock();
        let to = bytes.iter_mut().skip(offset as usize);
        to.zip(buf).for_each(|(to, from)| *to = *from);
        Ok(())
    }
}

fn register(dev: &device::Device<Bound>) -> Result<Devres<nvmem::Registration<Ram>>> {
    let config = nvmem::Config {
        name: Some(c"ram"),
        id: nvmem::Id::Number(0),
        kind: nvmem::Type::BatteryBacked,
        keepouts: &[nvmem::Keepout::new(0xf0, 0x100, 0xff)],
        cells: &CELLS,
        ..nvmem::Config::new(SIZE as u32)
    };
    nvmem::Registration::new(
        dev,
        &config,
        pin_init!(Ram { bytes <- new_mutex!([0; SIZE]) }),
    )
}

/// Uses the device as a consumer.
fn consume(memory: &nvmem::Device) -> Result {
    memory.write(0x10, &[0x02, 0, 0, 0, 0, 0x2a])?;

    let [_, mac] = CELLS;
    let address = memory.read_array::<6>(mac.offset)?;
    pr_info!("MAC address {address:02x?}\n");

    // The keepout.
    let mut end = [0; 4];
    memory.read(0xee, &mut end)?;
    pr_info!("bytes 0xee to 0xf1: {end:02x?}\n");
    Ok(())
}

struct Sample {
    // Dropped in this order: the provider goes while the consumer holds the device.
    _registration: Devres<nvmem::Registration<Ram>>,
    _consumer: Consumer,
    _dev: faux::Registration,
}

/// Tells that the provider has gone.
struct Consumer(nvmem::Device);

impl Drop for Consumer {
    fn drop(&mut self) {
        match self.0.read_array::<4>(0) {
            Err(ENODEV) => pr_info!("ENODEV after the provider was unregistered\n"),
            other => pr_err!("after the provider was unregistered: {other:?}\n"),
        }
    }
}

impl kernel::Module for Sample {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let faux = faux::Registration::new(c"nvmem_ram", None)?;
        let dev: &device::Device<Bound> = faux.as_ref().as_ref();
        let registration = register(dev)?;
        let memory = nvmem::Device::get(dev, c"ram0")?;
        consume(&memory)?;
        Ok(Self {
            _registration: registration,
            _consumer: Consumer(memory),
            _dev: faux,
        })
    }
}

module! {
    type: Sample,
    name: "nvmem_ram",
    authors: ["The bmc-rust authors"],
    description: "Sample: an nvmem provider and a consumer in Rust",
    license: "GPL",
}
