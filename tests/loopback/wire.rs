// SPDX-License-Identifier: GPL-2.0

//! From the bytes of a transaction to the events of a target, in the order of a controller.

use crate::{
    adapter::{
        Bus,
        Reader,
        Step,
        Target,
        Targets,
        Transaction, //
    },
    controller::{
        Context,
        Controller, //
    }, //
};
use kernel::{
    interrupt::local_interrupt_disable,
    prelude::*, //
};

/// The way to a target.
pub(crate) enum Route<'a> {
    /// The target is registered for as long as the bus is locked.
    Locked(Target<'a>),
    /// The target is looked up for each event, like the pointer to it in a controller's driver, and
    /// may be unregistered before the event is reported.
    Handler(&'a Targets, u16),
}

impl<'a> Route<'a> {
    pub(crate) fn locked(bus: &Bus<'a>, address: u16) -> Result<Self> {
        bus.target(address).map(Self::Locked).ok_or(ENXIO)
    }

    fn with<R>(&self, interrupts_off: bool, report: impl FnOnce(&Target<'_>) -> R) -> Result<R> {
        match self {
            Self::Locked(target) => Ok(report(target)),
            Self::Handler(targets, address) => {
                // SAFETY: A driver that keeps the rule of `target()` waits for this handler when it is
                // unbound: there is no sleep between the look-up and the end of the event. The purpose
                // of these controllers is to find the drivers that do not keep it.
                let target = unsafe { targets.target(*address) }.ok_or(ENXIO)?;
                let _interrupt = interrupts_off.then(local_interrupt_disable);
                Ok(report(&target))
            }
        }
    }
}

/// The state of a controller between transactions.
pub(crate) struct Wire {
    /// The host wrote last.
    writing: bool,
    /// A `STOP` has not been reported yet.
    stop_is_due: bool,
}

impl Wire {
    pub(crate) const fn new() -> Self {
        Self {
            writing: false,
            stop_is_due: false,
        }
    }

    /// Reports the events of a transaction. Fails with `EIO` if the target does not acknowledge a byte
    /// and the controller notices.
    pub(crate) fn run(
        &mut self,
        controller: &'static Controller,
        route: &Route<'_>,
        transaction: &mut Transaction,
    ) -> Result {
        let mut link = Link {
            controller,
            route,
            wire: self,
        };
        // Interrupts are disabled for the time of a message at most.
        let interrupt = || (controller.context == Context::Interrupt).then(local_interrupt_disable);

        let mut result = Ok(());
        for (index, step) in transaction.steps.iter_mut().enumerate() {
            let _interrupt = interrupt();
            if index > 0 && controller.stop_at_repeated_start {
                link.stop();
            }
            result = match step {
                Step::Write(bytes) => link.write(bytes),
                Step::Read(reader) => link.read(reader),
            };
            if result.is_err() {
                break;
            }
        }

        if controller.late_stop {
            link.wire.stop_is_due = true;
            return result;
        }
        let _interrupt = interrupt();
        link.stop();
        if controller.stop_twice {
            link.stop();
        }
        result
    }
}

/// A controller on its way to a target.
struct Link<'a> {
    controller: &'static Controller,
    route: &'a Route<'a>,
    wire: &'a mut Wire,
}

impl Link<'_> {
    fn report<R>(&self, report: impl FnOnce(&Target<'_>) -> R) -> Result<R> {
        let interrupts_off = self.controller.context == Context::OtherCpu;
        self.route.with(interrupts_off, report)
    }

    fn stop(&self) {
        let null = self.controller.null_at_stop;
        let _ = self.report(|target| target.stop(null));
    }

    /// Whether the target takes the address.
    fn write_requested(&mut self) -> bool {
        let times = match self.controller {
            controller if controller.address_once && self.wire.writing => 0,
            controller if controller.address_twice => 2,
            _ => 1,
        };
        self.wire.writing = true;

        let mut taken = true;
        for _ in 0..times {
            let null = self.controller.null_at_request;
            let answer = self.report(|target| target.write_requested(null));
            taken &= matches!(answer, Ok(Ok(())));
        }
        taken
    }

    fn write(&mut self, bytes: &[u8]) -> Result {
        let mut nack = if self.write_requested() {
            None
        } else {
            self.controller.nack_after_request
        };
        if core::mem::take(&mut self.wire.stop_is_due) {
            self.stop();
        }

        for (index, byte) in bytes.iter().enumerate() {
            let answer = self.report(|target| target.write_received(*byte))?;
            if answer.is_err() && nack.is_none() {
                nack = self
                    .controller
                    .nack_after_byte
                    .map(|late| index.saturating_add(late));
            }
            if nack.is_some_and(|nack| nack <= index) {
                return Err(EIO);
            }
        }
        Ok(())
    }

    fn read(&mut self, reader: &mut Reader) -> Result {
        if !self.controller.reads {
            return Err(EIO);
        }
        self.wire.writing = false;

        let mut first = true;
        let mut byte = || {
            let requested = core::mem::take(&mut first);
            self.report(|target| {
                if requested {
                    target.read_requested()
                } else {
                    target.read_processed()
                }
            })
        };
        while reader.wants_more() {
            // The bytes of a burst that the host does not fetch are lost.
            for _ in 0..self.controller.burst {
                reader.push(byte()?)?;
            }
        }
        if self.controller.one_too_many {
            byte()?;
        }
        Ok(())
    }
}
