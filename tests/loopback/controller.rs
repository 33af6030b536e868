// SPDX-License-Identifier: GPL-2.0

//! What i2c controllers do differently when they are targets, as their drivers in the kernel show.
//!
//! None of those looks at the answer to `READ_REQUESTED`; the plain one does, for the tests' sake.

use kernel::{
    fmt,
    prelude::*,
    str::BStr, //
};

/// The habits of a controller.
#[derive(Debug)]
pub(crate) struct Controller {
    pub(crate) name: &'static str,
    /// The byte of a write, counted from 0 behind the address, that is not acknowledged when
    /// `WRITE_REQUESTED` is answered with an error.
    pub(crate) nack_after_request: Option<usize>,
    /// How many bytes after one whose `WRITE_RECEIVED` is answered with an error the one comes that
    /// is not acknowledged.
    pub(crate) nack_after_byte: Option<usize>,
    /// The address of a read is not acknowledged when `READ_REQUESTED` is answered with an error.
    pub(crate) nack_read: bool,
    /// `WRITE_REQUESTED` comes twice.
    pub(crate) address_twice: bool,
    /// A repeated start is reported as a stop.
    pub(crate) stop_at_repeated_start: bool,
    /// `STOP` comes twice.
    pub(crate) stop_twice: bool,
    /// Bytes to be read are asked for in bursts of this many.
    pub(crate) burst: usize,
    /// One more byte is asked for after the last one that the host takes.
    pub(crate) one_too_many: bool,
    /// `WRITE_REQUESTED` comes with a null pointer.
    pub(crate) null_at_request: bool,
    /// `STOP` comes with a null pointer.
    pub(crate) null_at_stop: bool,
    /// Reads are reported at all.
    pub(crate) reads: bool,
}

/// A controller without habits of its own: it reports everything once, and obeys at once.
const PLAIN: Controller = Controller {
    name: "plain",
    nack_after_request: Some(0),
    nack_after_byte: Some(0),
    nack_read: true,
    address_twice: false,
    stop_at_repeated_start: false,
    stop_twice: false,
    burst: 1,
    one_too_many: false,
    null_at_request: false,
    null_at_stop: false,
    reads: true,
};

/// What all real controllers have in common.
const REAL: Controller = Controller {
    nack_read: false,
    ..PLAIN
};

const IMX: Controller = Controller {
    name: "imx",
    nack_after_request: None,
    nack_after_byte: None,
    stop_at_repeated_start: true,
    one_too_many: true,
    ..REAL
};

/// All controllers; each one stands for the driver of its name.
pub(crate) const CONTROLLERS: &[Controller] = &[
    PLAIN,
    Controller {
        name: "aspeed",
        nack_after_byte: None,
        stop_twice: true,
        ..REAL
    },
    Controller {
        name: "gxp",
        nack_after_byte: Some(1),
        ..REAL
    },
    Controller {
        name: "rcar",
        nack_after_request: Some(1),
        nack_after_byte: Some(1),
        ..REAL
    },
    Controller {
        name: "stm32f7",
        nack_after_request: None,
        ..REAL
    },
    Controller {
        name: "npcm",
        nack_after_request: None,
        nack_after_byte: None,
        burst: 16,
        null_at_stop: true,
        ..REAL
    },
    Controller {
        name: "designware",
        nack_after_request: None,
        nack_after_byte: None,
        address_twice: true,
        ..REAL
    },
    IMX,
    Controller {
        name: "at91",
        ..IMX
    },
    Controller {
        name: "cadence",
        nack_after_request: None,
        nack_after_byte: None,
        stop_at_repeated_start: true,
        null_at_request: true,
        null_at_stop: true,
        ..REAL
    },
    Controller {
        name: "amd-asf",
        nack_after_request: None,
        nack_after_byte: None,
        reads: false,
        ..REAL
    },
];

/// The controller that an adapter imitates, as its debugfs file shows and takes it: by name.
#[derive(Clone, Copy)]
pub(crate) struct Choice(pub(crate) &'static Controller);

impl Default for Choice {
    fn default() -> Self {
        Self(&PLAIN)
    }
}

impl fmt::Debug for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

impl core::str::FromStr for Choice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        CONTROLLERS
            .iter()
            .find(|controller| controller.name == text.trim())
            .map(Self)
            .ok_or_else(|| {
                pr_err!(
                    "no controller '{}'\n",
                    BStr::from_bytes(text.trim().as_bytes())
                );
                EINVAL
            })
    }
}
