// SPDX-License-Identifier: GPL-2.0

//! The supply of an EEPROM, which runtime power management switches.

use crate::pm_runtime;
use core::mem;
use kernel::{
    device::{
        Bound,
        Device, //
    },
    prelude::*,
    regulator::{
        Disabled,
        Enabled,
        Regulator, //
    }, //
};

/// The regulator `vcc`. Dropping it switches it off.
pub enum Supply {
    On(Regulator<Enabled>),
    Off(Regulator<Disabled>),
    /// In use by one of the functions below, which put it back.
    Moved,
}

impl Supply {
    /// Gets the regulator of `dev`, switched off.
    pub fn get(dev: &Device<Bound>) -> Result<Self> {
        Regulator::<Disabled>::get(dev, c"vcc").map(Self::Off)
    }

    /// Switches it on, if it is not.
    pub fn switch_on(&mut self) -> Result {
        let (new, result) = match mem::replace(self, Self::Moved) {
            Self::Off(regulator) => match regulator.try_into_enabled() {
                Ok(regulator) => (Self::On(regulator), Ok(())),
                Err(failed) => (Self::Off(failed.regulator), Err(failed.error)),
            },
            other => (other, Ok(())),
        };
        *self = new;
        result
    }

    /// Switches it off, if it is not.
    pub fn switch_off(&mut self) -> Result {
        let (new, result) = match mem::replace(self, Self::Moved) {
            Self::On(regulator) => match regulator.try_into_disabled() {
                Ok(regulator) => (Self::Off(regulator), Ok(())),
                Err(failed) => (Self::On(failed.regulator), Err(failed.error)),
            },
            other => (other, Ok(())),
        };
        *self = new;
        result
    }
}

impl pm_runtime::Callbacks for Supply {
    fn suspend(&mut self) -> Result {
        self.switch_off()
    }

    fn resume(&mut self) -> Result {
        self.switch_on()
    }
}
