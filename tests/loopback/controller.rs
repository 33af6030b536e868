// SPDX-License-Identifier: GPL-2.0

//! The habits of i2c controllers in target mode, as their drivers in the kernel show them.
//!
//! None of these looks at the result of `READ_REQUESTED`, `READ_PROCESSED` and `STOP`.

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
    /// `WRITE_REQUESTED` comes twice.
    pub(crate) address_twice: bool,
    /// `WRITE_REQUESTED` comes only for the first of several writes without a read between them.
    pub(crate) address_once: bool,
    /// A repeated start is reported as a stop.
    pub(crate) stop_at_repeated_start: bool,
    /// `STOP` comes twice.
    pub(crate) stop_twice: bool,
    /// The `STOP` of a transaction comes after the `WRITE_REQUESTED` of the next one.
    pub(crate) late_stop: bool,
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
    /// The context in which events are reported.
    pub(crate) context: Context,
    /// `unreg_target()` waits for the event handler.
    pub(crate) waits: bool,
}

/// The context of an event handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Context {
    /// A hard interrupt handler: interrupts are disabled. The bus lock is held, so that `unreg_target()`
    /// does not run meanwhile.
    Interrupt,
    /// A thread, such as that of a threaded interrupt. A write is over for the host before it is reported.
    Thread,
    /// The same with interrupts disabled during each event: a hard interrupt handler on another CPU.
    OtherCpu,
    /// A work item, otherwise like a thread.
    Work,
}

/// A controller that reports each event once, and acknowledges no byte that the target refuses.
const PLAIN: Controller = Controller {
    name: "plain",
    nack_after_request: Some(0),
    nack_after_byte: Some(0),
    address_twice: false,
    address_once: false,
    stop_at_repeated_start: false,
    stop_twice: false,
    late_stop: false,
    burst: 1,
    one_too_many: false,
    null_at_request: false,
    null_at_stop: false,
    reads: true,
    context: Context::Interrupt,
    waits: true,
};

/// A controller whose handler is a thread. Its writes are acknowledged before they are reported.
const THREAD: Controller = Controller {
    name: "thread",
    nack_after_request: None,
    nack_after_byte: None,
    context: Context::Thread,
    ..PLAIN
};

const IMX: Controller = Controller {
    name: "imx",
    nack_after_request: None,
    nack_after_byte: None,
    stop_at_repeated_start: true,
    one_too_many: true,
    ..PLAIN
};

/// All controllers; each one stands for the driver of its name, but for the plain one and the threads.
pub(crate) const CONTROLLERS: &[Controller] = &[
    PLAIN,
    Controller {
        name: "aspeed",
        nack_after_byte: None,
        stop_twice: true,
        ..PLAIN
    },
    Controller {
        name: "gxp",
        nack_after_byte: Some(1),
        ..PLAIN
    },
    Controller {
        name: "rcar",
        nack_after_request: Some(1),
        nack_after_byte: Some(1),
        ..PLAIN
    },
    Controller {
        name: "stm32f7",
        nack_after_request: None,
        one_too_many: true,
        ..PLAIN
    },
    Controller {
        name: "mlxbf",
        nack_after_request: None,
        stop_at_repeated_start: true,
        burst: 128,
        ..PLAIN
    },
    Controller {
        name: "bcm-iproc",
        nack_after_request: None,
        nack_after_byte: None,
        stop_at_repeated_start: true,
        ..PLAIN
    },
    Controller {
        name: "pxa",
        nack_after_request: None,
        nack_after_byte: None,
        one_too_many: true,
        late_stop: true,
        null_at_request: true,
        null_at_stop: true,
        ..PLAIN
    },
    Controller {
        name: "npcm",
        nack_after_request: None,
        nack_after_byte: None,
        burst: 16,
        null_at_stop: true,
        ..PLAIN
    },
    Controller {
        name: "designware",
        nack_after_request: None,
        nack_after_byte: None,
        address_twice: true,
        ..PLAIN
    },
    // Without the hardware's mark of a first byte.
    Controller {
        name: "designware-unmarked",
        nack_after_request: None,
        nack_after_byte: None,
        address_once: true,
        ..PLAIN
    },
    IMX,
    Controller {
        name: "imx-lpi2c",
        nack_after_request: None,
        nack_after_byte: None,
        one_too_many: true,
        late_stop: true,
        ..PLAIN
    },
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
        ..PLAIN
    },
    Controller {
        name: "amd-asf",
        nack_after_request: None,
        nack_after_byte: None,
        reads: false,
        context: Context::Work,
        waits: false,
        ..PLAIN
    },
    THREAD,
    Controller {
        name: "thread-no-wait",
        waits: false,
        ..THREAD
    },
    Controller {
        name: "interrupt-no-wait",
        context: Context::OtherCpu,
        waits: false,
        ..THREAD
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
