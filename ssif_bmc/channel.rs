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
        Busy,
        Change,
        Machine, //
    },
    miscdevice::{
        may_sleep,
        MiscDevice,
        PollEvents, //
    },
    monitor::{
        Monitor,
        MonitorGuard, //
    },
    protocol,
    smbus,
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
        File,
        Kiocb, //
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

    /// The host addresses the target for a write. Fails with `EBUSY` while a request awaits its
    /// response, as [`Self::write_received`] does, and with `ENODEV` once the channel is revoked.
    pub(crate) fn write_requested(&self, timer: &Timer<ResponseTimeout>) -> Result {
        let mut state = self.state.lock()?;
        let (change, taken) = state.machine.write_requested();
        self.conclude(timer, state, change);
        taken.map_err(|Busy| EBUSY)
    }

    /// The host wrote a byte.
    pub(crate) fn write_received(&self, timer: &Timer<ResponseTimeout>, byte: u8) -> Result {
        let mut state = self.state.lock()?;
        let (change, taken) = state.machine.write_received(byte);
        self.conclude(timer, state, change);
        taken.map_err(|Busy| EBUSY)
    }

    /// The host addresses the target for a read. Returns the first byte for it.
    pub(crate) fn read_requested(&self, timer: &Timer<ResponseTimeout>) -> u8 {
        let Ok(mut state) = self.state.lock() else {
            return 0;
        };
        let byte = state.machine.read_requested();
        self.conclude(timer, state, Change::None);
        byte
    }

    /// The controller took the previous byte. Returns the next one.
    pub(crate) fn read_processed(&self, timer: &Timer<ResponseTimeout>) -> u8 {
        let Ok(mut state) = self.state.lock() else {
            return 0;
        };
        let byte = state.machine.read_processed();
        self.conclude(timer, state, Change::None);
        byte
    }

    /// The host ended the transaction.
    pub(crate) fn stop(&self, timer: &Timer<ResponseTimeout>) {
        if let Ok(mut state) = self.state.lock() {
            let change = state.machine.stop();
            self.conclude(timer, state, change);
        }
    }

    /// Does for a bus event what follows from it, and releases the lock.
    fn conclude(
        &self,
        timer: &Timer<ResponseTimeout>,
        mut state: MonitorGuard<'_, State>,
        change: Change,
    ) {
        let abort = state.machine.take_abort();
        let point = match change {
            Change::None => None,
            Change::Requested => {
                let len = state.machine.request().map_or(0, <[u8]>::len);
                state.deadline = timer::jiffies().wrapping_add(self.response_timeout);
                // Under the lock, so that the timer never lags behind the deadline.
                timer.arm(state.deadline);
                Some((Point::Request, len))
            }
            Change::ResponseGone => Some((Point::Fetched, 0)),
        };
        drop(state);

        if let Some((point, len)) = point {
            self.state.notify_all();
            self.reporter.exchange(point, len);
        }
        if let Some(why) = abort {
            self.reporter.abort(why);
        }
    }

    fn read(&self, may_sleep: bool, iov: &mut IovIterDest<'_>) -> Result<usize> {
        let mut state = self.state.lock()?;
        let (ticket, request) = loop {
            match state.machine.take_request() {
                Some(taken) => break taken,
                None if may_sleep => state = state.wait_interruptible()?,
                None => return Err(EAGAIN),
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

    fn write(&self, iov: &mut IovIterSource<'_>) -> Result<usize> {
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

        // Never sleeps: if no request awaits a response now, this is not the response to a later one.
        let answered = self.state.lock()?.machine.respond(response);
        answered.map_err(|_| EINVAL)?;

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

    fn read_iter(&self, kiocb: &Kiocb<'_, Arc<Self>>, iov: &mut IovIterDest<'_>) -> Result<usize> {
        self.read(may_sleep(kiocb), iov)
    }

    fn write_iter(
        &self,
        _kiocb: &Kiocb<'_, Arc<Self>>,
        iov: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        self.write(iov)
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
