// SPDX-License-Identifier: GPL-2.0

//! `/dev/ipmi-ssif-host`: whole messages for the daemon that answers them.
//!
//! A message is a native-endian `u32` length, then as many bytes as it says; see
//! `include/uapi/linux/ipmi_ssif_bmc.h`. One read takes one request, one write gives one response.
//!
//! A [`Channel`] belongs to the registration of the device node, to the open files, and to the
//! timer, and outlives whichever of them goes first. Everything that changes is inside its
//! [`Monitor`]; unbinding revokes that.

use crate::{
    bindings::{
        ipmi_ssif_msg,
        IPMI_SSIF_PAYLOAD_MAX, //
    },
    events::{
        Point,
        Reporter, //
    },
    machine::{
        Change,
        Machine,
        Refusal,
        RespondError, //
    },
    miscdevice::{
        MiscDevice,
        PollEvents, //
    },
    monitor::Monitor,
    protocol,
    smbus,
    target::Event,
    timer::{
        self,
        Timer, //
    }, //
};
use core::mem::{
    offset_of,
    size_of, //
};
use kernel::{
    device::Device,
    fs::{
        file::flags::O_NONBLOCK,
        File,
        LocalFile, //
    },
    iov::{
        IovIterDest,
        IovIterSource, //
    },
    prelude::*,
    static_lock_class,
    sync::{
        aref::ARef,
        poll::PollTable,
        Arc, //
    },
    time::Jiffies, //
};

/// Bytes before the payload: the length.
const HEADER: usize = offset_of!(ipmi_ssif_msg, payload);

/// The longest write that is taken: the whole structure, its padding included.
const WRITE_MAX: usize = size_of::<ipmi_ssif_msg>();

const _: () = assert!(HEADER == size_of::<u32>());
const _: () = assert!(protocol::MESSAGE_MAX == IPMI_SSIF_PAYLOAD_MAX as usize);

/// Packet error codes by the kernel's own function.
pub(crate) struct KernelPec;

impl protocol::Pec for KernelPec {
    fn update(crc: u8, bytes: &[u8]) -> u8 {
        smbus::pec(crc, bytes)
    }
}

/// What the monitor of a [`Channel`] protects.
pub(crate) struct State {
    pub(crate) machine: Machine<KernelPec>,
    /// When the request that awaits its response will be void.
    deadline: Jiffies,
    pub(crate) open: bool,
}

/// The conversation between one host and the daemon.
#[pin_data]
pub(crate) struct Channel {
    #[pin]
    pub(crate) state: Monitor<State>,
    response_timeout: Jiffies,
    #[pin]
    reporter: Reporter,
}

impl Channel {
    /// Creates the channel for the target at the 7-bit address `address`.
    pub(crate) fn new(
        dev: ARef<Device>,
        address: u8,
        response_timeout: Jiffies,
    ) -> impl PinInit<Self> {
        pin_init!(Self {
            state <- Monitor::new(
                State {
                    machine: Machine::new(address),
                    deadline: 0,
                    open: false,
                },
                c"ssif_bmc_channel",
                static_lock_class!(),
                static_lock_class!(),
            ),
            response_timeout,
            reporter <- Reporter::new(dev),
        })
    }

    /// Ends the conversation: everyone who has a part in it gets `ENODEV` from now on.
    pub(crate) fn revoke(&self) {
        if self.state.revoke().is_some() {
            self.reporter.exchange(Point::Unbound, 0);
        }
    }

    /// Handles a bus event, for the channel that the timer is of.
    pub(crate) fn event(timer: &Timer<ResponseTimeout>, event: Event<'_>) -> Result {
        let this = &*timer.handler().0;
        let mut state = this.state.lock()?;
        let machine = &mut state.machine;

        let (change, answer) = match event {
            Event::WriteRequested => machine.write_requested(),
            Event::WriteReceived(byte) => machine.write_received(byte),
            Event::ReadRequested(byte) => {
                let (value, answer) = machine.read_requested();
                *byte = value;
                (Change::None, answer)
            }
            Event::ReadProcessed(byte) => {
                let (value, answer) = machine.read_processed();
                *byte = value;
                (Change::None, answer)
            }
            Event::Stop => machine.stop(),
        };

        let abort = machine.take_abort();

        let point = match change {
            Change::None => None,
            Change::Requested => {
                let len = machine.request().map_or(0, <[u8]>::len);
                Some((Point::Request, len))
            }
            Change::ResponseGone => Some((Point::Fetched, 0)),
        };
        if change == Change::Requested {
            state.deadline = timer::jiffies().wrapping_add(this.response_timeout);
            // Under the lock, so that the timer never lags behind the deadline.
            timer.arm(state.deadline);
        }
        drop(state);

        if let Some((point, len)) = point {
            this.state.notify_all();
            this.reporter.exchange(point, len);
        }
        if let Some(why) = abort {
            this.reporter.abort(why);
        }
        answer.map_err(|refusal| match refusal {
            Refusal::Busy => EBUSY,
            Refusal::NoResponse => ENODATA,
        })
    }

    fn read(&self, nonblock: bool, iov: &mut IovIterDest<'_>) -> Result<usize> {
        let mut state = self.state.lock()?;
        let (ticket, request) = loop {
            match state.machine.take_request() {
                Some(taken) => break taken,
                None if nonblock => return Err(EAGAIN),
                None => state = state.wait_interruptible()?,
            }
        };
        if iov.len() < HEADER.saturating_add(request.as_slice().len()) {
            state.machine.put_back(ticket);
            return Err(EINVAL);
        }
        drop(state);

        // Copying may sleep, and may fail halfway.
        let payload = request.as_slice();
        // CAST: at most 254.
        let header = (payload.len() as u32).to_ne_bytes();
        let copied = iov
            .copy_to_iter(&header)
            .saturating_add(iov.copy_to_iter(payload));
        if copied == HEADER.saturating_add(payload.len()) {
            self.reporter.exchange(Point::Read, payload.len());
            return Ok(copied);
        }

        if self.state.lock()?.machine.put_back(ticket) {
            self.state.notify_all();
        }
        Err(EFAULT)
    }

    fn write(&self, nonblock: bool, iov: &mut IovIterSource<'_>) -> Result<usize> {
        let count = iov.len();
        if !(HEADER..=WRITE_MAX).contains(&count) {
            return Err(EINVAL);
        }

        let mut bytes = [0; WRITE_MAX];
        let bytes = bytes.get_mut(..count).ok_or(EINVAL)?;
        if iov.copy_from_iter(bytes) != count {
            return Err(EFAULT);
        }

        // What follows the message is padding.
        let (header, payload) = bytes.split_first_chunk().ok_or(EINVAL)?;
        let len = u32::from_ne_bytes(*header) as usize;
        let response = payload.get(..len).ok_or(EINVAL)?;
        if !(1..=protocol::MESSAGE_MAX).contains(&len) {
            return Err(EINVAL);
        }

        let mut state = self.state.lock()?;
        loop {
            match state.machine.respond(response) {
                Ok(()) => break,
                Err(RespondError::NoRequest | RespondError::Length) => return Err(EINVAL),
                Err(RespondError::Pending) if nonblock => return Err(EAGAIN),
                Err(RespondError::Pending) => state = state.wait_interruptible()?,
            }
        }
        drop(state);

        self.reporter.exchange(Point::Response, len);
        Ok(count)
    }
}

/// Makes a request void whose response is late.
pub(crate) struct ResponseTimeout(pub(crate) Arc<Channel>);

impl timer::Handler for ResponseTimeout {
    fn expired(&self) {
        let Ok(mut state) = self.0.state.lock() else {
            return;
        };

        // The deadline names the request: if it lies ahead, the one that this expiry was for is
        // gone, and the timer is armed for the next.
        let late = timer::jiffies().wrapping_sub(state.deadline);
        if late <= Jiffies::MAX / 2 && state.machine.expire() {
            drop(state);
            self.0.reporter.timeout();
        }
    }
}

#[vtable]
impl MiscDevice for Channel {
    fn open(&self, _file: &File) -> Result {
        let mut state = self.state.lock()?;
        if state.open {
            return Err(EBUSY);
        }
        state.open = true;
        Ok(())
    }

    fn release(&self, _file: &File) {
        if let Ok(mut state) = self.state.lock() {
            state.open = false;
        }
    }

    fn read_iter(&self, file: &LocalFile, iov: &mut IovIterDest<'_>) -> Result<usize> {
        self.read(file.flags() & O_NONBLOCK != 0, iov)
    }

    fn write_iter(&self, file: &LocalFile, iov: &mut IovIterSource<'_>) -> Result<usize> {
        self.write(file.flags() & O_NONBLOCK != 0, iov)
    }

    fn poll(&self, file: &File, table: &PollTable<'_>) -> PollEvents {
        match self.state.poll(file, table) {
            Ok(state) => PollEvents::IN
                .when(state.machine.request().is_some())
                .and(PollEvents::OUT.when(state.machine.can_respond())),
            Err(_) => PollEvents::GONE,
        }
    }
}
