// SPDX-License-Identifier: GPL-2.0

//! The capabilities of an adapter: all of them, or those of a controller for SMBus only.

use kernel::{
    bindings,
    fmt,
    prelude::*, //
};

const BYTES: u32 = bindings::I2C_FUNC_SMBUS_READ_BYTE
    | bindings::I2C_FUNC_SMBUS_WRITE_BYTE
    | bindings::I2C_FUNC_SMBUS_READ_BYTE_DATA
    | bindings::I2C_FUNC_SMBUS_WRITE_BYTE_DATA
    | bindings::I2C_FUNC_SMBUS_READ_WORD_DATA
    | bindings::I2C_FUNC_SMBUS_WRITE_WORD_DATA;

const BLOCKS: u32 =
    bindings::I2C_FUNC_SMBUS_READ_I2C_BLOCK | bindings::I2C_FUNC_SMBUS_WRITE_I2C_BLOCK;

/// The sets of capabilities by name. Targets are on all of these adapters.
const SETS: [(&str, u32); 4] = [
    (
        "i2c",
        bindings::I2C_FUNC_I2C | bindings::I2C_FUNC_SMBUS_EMUL_ALL,
    ),
    ("blocks", BYTES | BLOCKS),
    ("bytes", BYTES),
    ("none", 0),
];

/// A set, as the debugfs file `functionality` shows and takes it. A driver looks at it when it is bound.
#[derive(Clone, Copy)]
pub(crate) struct Functionality(&'static str, u32);

impl Functionality {
    /// `I2C_FUNC_*`.
    pub(crate) fn bits(self) -> u32 {
        self.1 | bindings::I2C_FUNC_SLAVE
    }
}

impl Default for Functionality {
    fn default() -> Self {
        let [(name, bits), ..] = SETS;
        Self(name, bits)
    }
}

impl fmt::Debug for Functionality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl core::str::FromStr for Functionality {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = SETS.iter().find(|(name, _)| *name == text.trim());
        found.map(|(name, bits)| Self(name, *bits)).ok_or(EINVAL)
    }
}
