// SPDX-License-Identifier: GPL-2.0

//! I2C EEPROMs of the 24cXX family, as nvmem providers.
//!
//! The driver takes the devices that the kernel's `at24` does, by the same names and properties
//! (`Documentation/devicetree/bindings/eeprom/at24.yaml`); the first of the two to be registered gets them.
//!
//! - [`chip`], [`memory`] and [`deadline`] are pure logic: kinds of chips, the transfers of an access, polling;
//! - [`ids`] has the names, [`bus`] executes transfers, [`supply`] is the regulator.
//!
//! An [`Eeprom`] owns all that an access uses. The registration with nvmem owns the `Eeprom`, and drops it when
//! no access is running and none can begin; the order of its fields is then the order of teardown.

mod bus;
mod chip;
mod deadline;
mod ids;
mod memory;
mod supply;

use crate::{
    acpi_power,
    bindings,
    capability,
    ffi,
    i2c_client::{
        self,
        DummyClient, //
    },
    i2c_driver::{
        PmAdapter,
        PmDriver, //
    },
    i2c_transfer,
    nvmem,
    pm_runtime,
    LocalModule, //
};
use bus::Bus;
use chip::{
    Chip,
    Readers, //
};
use core::{
    ffi::c_void,
    mem, //
};
use deadline::{
    Failure,
    Stopped, //
};
use ids::Kind;
use kernel::{
    acpi,
    device::{
        Bound,
        Core,
        Device, //
    },
    devres::Devres,
    driver,
    i2c::{
        self,
        I2cBoardInfo,
        I2cClient, //
    },
    module::this_module,
    new_mutex,
    of,
    prelude::*,
    str::CString,
    sync::Mutex,
    time::{
        delay::fsleep,
        Delta,
        Instant,
        Monotonic, //
    }, //
};
use memory::{
    Memory,
    Properties,
    Refused, //
};
use supply::Supply;

/// The time between two attempts to access a chip that may be busy.
const PAUSE: Delta = Delta::from_micros(1000);

/// The address of a memory module's temperature sensor that belongs to the EEPROM at 0x50.
const SENSOR_ADDRESS: u16 = 0x18;

/// An EEPROM that is registered with nvmem.
#[pin_data]
struct Eeprom {
    memory: Memory,
    bus: Bus,
    readers: Readers,
    /// One access at a time: another task does not write between the pages of a write.
    #[pin]
    lock: Mutex<()>,
    // Teardown: the addresses are free, then the chip is switched off.
    _addresses: KVec<Devres<DummyClient>>,
    _power: pm_runtime::Registration,
}

impl Eeprom {
    /// Repeats an attempt until the chip is not busy any more. Fails with `ETIMEDOUT` at the deadline.
    fn poll(&self, attempt: impl FnMut() -> Result<(), Failure<Error>>) -> Result {
        // SAFETY: The parameter is set before the module is initialised, and not changed afterwards.
        let milliseconds = unsafe { bindings::nvmem_core_eeprom_write_timeout };
        let first = Instant::<Monotonic>::now();
        let result = deadline::poll(
            Delta::from_millis(milliseconds.into()).as_nanos(),
            || first.elapsed().as_nanos(),
            || fsleep(PAUSE),
            attempt,
        );
        result.map_err(|stopped| match stopped {
            Stopped::TimedOut => ETIMEDOUT,
            Stopped::Failed(error) => error,
        })
    }

    /// Reads bytes that are within the memory.
    fn read_bytes(&self, client: &I2cClient<Bound>, offset: u32, mut bytes: &mut [u8]) -> Result {
        let _active = pm_runtime::resume_and_get(client.as_ref())?;
        let _guard = self.lock.lock();
        let mut at = offset;
        while !bytes.is_empty() {
            let step = self.memory.read_step(at, bytes.len()).ok_or(EINVAL)?;
            let (now, later) = mem::take(&mut bytes)
                .split_at_mut_checked(step.len)
                .ok_or(EINVAL)?;
            self.poll(|| self.bus.read(client, &step, now))?;
            at = at.checked_add(step.len.try_into()?).ok_or(EINVAL)?;
            bytes = later;
        }
        Ok(())
    }

    /// Writes bytes that are within the memory. After an error those before the failed page are written.
    fn write_bytes(&self, client: &I2cClient<Bound>, offset: u32, mut bytes: &[u8]) -> Result {
        let _active = pm_runtime::resume_and_get(client.as_ref())?;
        let _guard = self.lock.lock();
        let mut at = offset;
        while !bytes.is_empty() {
            let step = self.memory.write_step(at, bytes.len()).ok_or(EINVAL)?;
            let (now, later) = bytes.split_at_checked(step.len).ok_or(EINVAL)?;
            self.poll(|| self.bus.write(client, &step, now))?;
            at = at.checked_add(step.len.try_into()?).ok_or(EINVAL)?;
            bytes = later;
        }
        Ok(())
    }

    /// Reads the first byte, to see whether there is a chip.
    fn test(&self, client: &I2cClient<Bound>) -> Result {
        self.read_bytes(client, 0, &mut [0]).map_err(|error| {
            dev_err!(
                client.as_ref(),
                "no EEPROM answers at {:#x}: {error:?}\n",
                i2c_transfer::address(client).unwrap_or(0)
            );
            ENODEV
        })
    }

    /// Whether the Serial Presence Detect says that its module has a temperature sensor.
    fn has_sensor(&self, client: &I2cClient<Bound>) -> Result<bool> {
        const MEMORY_TYPE: u32 = 2;
        const DDR3: u8 = 11;
        const SENSOR: u32 = 32;

        let (mut kind, mut sensor) = ([0], [0]);
        self.read_bytes(client, MEMORY_TYPE, &mut kind)?;
        self.read_bytes(client, SENSOR, &mut sensor)?;
        Ok(kind == [DDR3] && sensor.iter().all(|byte| byte & 0x80 != 0))
    }
}

#[vtable]
impl nvmem::Provider for Eeprom {
    fn read(&self, dev: &Device<Bound>, offset: u32, buf: &mut [u8]) -> Result {
        if !self.memory.contains(offset, buf.len()) {
            return Err(EINVAL);
        }
        self.read_bytes(dev.try_into()?, offset, buf)?;
        if self.readers == Readers::VaioUsers && !capability::has_sys_admin() {
            for (byte, at) in buf.iter_mut().zip(offset..) {
                if chip::is_private(at) {
                    *byte = 0;
                }
            }
        }
        Ok(())
    }

    fn write(&self, dev: &Device<Bound>, offset: u32, buf: &[u8]) -> Result {
        if !self.memory.contains(offset, buf.len()) {
            return Err(EINVAL);
        }
        // A consumer in the kernel may write to a device that is read-only for user space.
        if self.memory.is_read_only() {
            return Err(EPERM);
        }
        self.write_bytes(dev.try_into()?, offset, buf)
    }
}

/// The driver.
struct Driver;

impl i2c::Driver for Driver {
    type IdInfo = Kind;
    type Data<'bound> = Devres<nvmem::Registration<Eeprom>>;
    const I2C_ID_TABLE: Option<i2c::IdTable<Kind>> = Some(ids::I2C_IDS);
    const OF_ID_TABLE: Option<of::IdTable<Kind>> = Some(ids::OF_IDS);
    const ACPI_ID_TABLE: Option<acpi::IdTable<Kind>> = Some(ids::ACPI_IDS);

    fn probe<'bound>(
        client: &'bound I2cClient<Core<'_>>,
        kind: Option<&'bound Kind>,
    ) -> impl PinInit<Self::Data<'bound>, Error> + 'bound {
        match kind.copied().flatten() {
            Some(chip) => probe(client, &chip),
            None => {
                dev_err!(client.as_ref(), "this name is of no chip\n");
                Err(ENODEV)
            }
        }
    }
}

impl PmDriver for Driver {
    const PROBES_SWITCHED_OFF: bool = true;
}

fn probe(client: &I2cClient<Bound>, chip: &Chip) -> Result<Devres<nvmem::Registration<Eeprom>>> {
    let dev: &Device<Bound> = client.as_ref();
    let address = i2c_transfer::address(client).inspect_err(|_| {
        dev_err!(dev, "an EEPROM has no ten-bit address\n");
    })?;
    let properties = properties(dev);
    let refuse = |refused: Refused| {
        dev_err!(dev, "refused: {refused}\n");
        EINVAL
    };
    let width = Memory::width(chip, &properties).map_err(refuse)?;
    let (bus, limits) = Bus::new(client, width).inspect_err(|_| {
        dev_err!(
            dev,
            "the adapter can do neither i2c nor the SMBus transfers of this chip\n"
        );
    })?;
    let memory = Memory::new(chip, &properties, address, limits).map_err(refuse)?;
    let label = label(dev)?;

    let mut addresses = KVec::new();
    for further in memory.further_addresses() {
        let reserved = DummyClient::new(client, further).inspect_err(|error| {
            dev_err!(dev, "cannot reserve address {further:#x}: {error:?}\n");
        })?;
        addresses.push(reserved, GFP_KERNEL)?;
    }

    // A chip that firmware wants to be left off is switched on by the first access.
    let is_on = acpi_power::is_on(dev);
    let mut supply = Supply::get(dev).inspect_err(|error| {
        if *error != EPROBE_DEFER {
            dev_err!(dev, "cannot get the vcc supply: {error:?}\n");
        }
    })?;
    if is_on {
        supply.switch_on().inspect_err(|error| {
            dev_err!(dev, "cannot switch on the vcc supply: {error:?}\n");
        })?;
    }
    let state = if is_on {
        pm_runtime::State::Active
    } else {
        pm_runtime::State::Suspended
    };
    let power = pm_runtime::Registration::new(dev, supply, state)?;

    let config = nvmem::Config {
        name: Some(label.as_deref().unwrap_or_else(|| dev.name())),
        id: nvmem::Id::Auto,
        kind: nvmem::Type::Eeprom,
        read_only: memory.is_read_only(),
        root_only: chip.readers == Readers::Root,
        compat: true,
        ..nvmem::Config::new(memory.size())
    };
    let mut has_sensor = false;
    let eeprom = try_pin_init!(Eeprom {
        memory,
        bus,
        readers: chip.readers,
        lock <- new_mutex!(()),
        _addresses: addresses,
        _power: power,
    })
    .pin_chain(|eeprom| {
        if is_on {
            eeprom.test(client)?;
            has_sensor = chip.is_spd && eeprom.has_sensor(client).unwrap_or(false);
        }
        Ok(())
    });
    let registration = nvmem::Registration::new(dev, &config, eeprom)?;
    if has_sensor {
        let info = I2cBoardInfo::new(c"jc42", SENSOR_ADDRESS | (address & 7));
        // It may be there already.
        let _ = i2c_client::add_neighbour(client, &info);
    }

    if memory.is_read_only() {
        dev_info!(dev, "EEPROM of {} bytes, read-only\n", memory.size());
    } else {
        dev_info!(
            dev,
            "EEPROM of {} bytes, writable, {} bytes at a time\n",
            memory.size(),
            memory.write_max()
        );
    }
    Ok(registration)
}

/// The properties in the device tree or another description of the hardware.
fn properties(dev: &Device<Bound>) -> Properties {
    let Some(node) = dev.fwnode() else {
        return Properties::default();
    };
    let number = |name| node.property_read::<u32>(name).optional();
    Properties {
        page_size: number(c"pagesize"),
        size: number(c"size"),
        address_width: number(c"address-width"),
        addresses: number(c"num-addresses"),
        read_only: node.property_present(c"read-only"),
        no_read_rollover: node.property_present(c"no-read-rollover"),
    }
}

/// The property `label`, which names the nvmem device.
fn label(dev: &Device<Bound>) -> Result<Option<CString>> {
    match dev.fwnode() {
        Some(node) if node.property_present(c"label") => {
            node.property_read(c"label").required_by(dev).map(Some)
        }
        _ => Ok(None),
    }
}

impl kernel::fmt::Display for Refused {
    fn fmt(&self, f: &mut kernel::fmt::Formatter<'_>) -> kernel::fmt::Result {
        core::fmt::Display::fmt(self, f)
    }
}

/// The registration of the driver.
type Registration = driver::Registration<PmAdapter<Driver>>;

/// Registers the driver.
#[no_mangle]
extern "C" fn nvmem_core_eeprom_start() -> *mut c_void {
    let registration = KBox::pin_init(
        Registration::new(c"eeprom-24c", this_module::<LocalModule>()),
        GFP_KERNEL,
    );
    ffi::err_ptr(registration.map(|registration| {
        // SAFETY: It stays in place until `nvmem_core_eeprom_stop()`.
        KBox::into_raw(unsafe { Pin::into_inner_unchecked(registration) }).cast()
    }))
}

/// Unregisters the driver, which unbinds its devices.
///
/// # Safety
///
/// `driver` came from [`nvmem_core_eeprom_start`], and is used only here.
#[no_mangle]
unsafe extern "C" fn nvmem_core_eeprom_stop(driver: *mut c_void) {
    // SAFETY: By the function's requirements.
    drop(unsafe { Pin::new_unchecked(KBox::from_raw(driver.cast::<Registration>())) });
}
