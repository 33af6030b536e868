// SPDX-License-Identifier: GPL-2.0

//! I2C adapters: buses that are made in software, and the targets on them.
//!
//! C header: [`include/linux/i2c.h`](srctree/include/linux/i2c.h)
//!
//! An [`Algorithm`] moves the bytes of a transfer; a [`Registration`] presents it to the i2c core as
//! an adapter, and keeps account of the clients that want to be targets on it.

use core::{
    marker::PhantomData,
    ptr,
    slice, //
};
use kernel::{
    bindings,
    error::{
        from_result,
        to_result, //
    },
    i2c::I2cClient,
    interrupt::LocalInterruptDisabled,
    new_mutex,
    prelude::*,
    sync::{
        aref::ARef,
        Mutex, //
    },
    types::Opaque,
    ThisModule, //
};

/// The longest SMBus block, and so the most that its length byte may announce.
const BLOCK_MAX: u8 = bindings::I2C_SMBUS_BLOCK_MAX as u8;

/// What the bus does.
pub trait Algorithm: Send + Sync + 'static {
    /// The name of the adapter, as sysfs shows it.
    const NAME: &'static CStr;

    /// What the adapter can do: `I2C_FUNC_*`.
    const FUNCTIONALITY: u32;

    /// Executes the messages of one transfer, from the start condition to the stop condition.
    ///
    /// The bus is locked: there is no other transfer, and no target comes or goes.
    fn transfer(&self, bus: &Bus<'_>, messages: &mut [Message]) -> Result;

    /// Lets go of a target; the bus is locked.
    fn release_target(&self) -> Release {
        Release::Done
    }
}

/// Whether a controller lets go of a target, and what it says.
pub enum Release {
    /// It does.
    Done,
    /// It does, and fails with what comes next.
    DoneWith(Error),
    /// It does not.
    Refused(Error),
}

/// The bus during a transfer.
pub struct Bus<'a> {
    targets: &'a [ARef<I2cClient>],
}

impl<'a> Bus<'a> {
    /// Returns the target with this address, if there is one.
    pub fn target(&self, address: u16) -> Option<Target<'a>> {
        self.targets
            .iter()
            .map(as_raw)
            // SAFETY: `as_raw` points to a valid client.
            .find(|client| unsafe { (**client).addr } == address)
            // INVARIANT: `targets` are registered, and `'a` is at most as long as the lock is held
            // that reg_target and unreg_target take.
            .map(|client| Target {
                client,
                _bus: PhantomData,
            })
    }
}

/// The client as C knows it.
fn as_raw(client: &ARef<I2cClient>) -> *mut bindings::i2c_client {
    // CAST: `I2cClient` is a transparent wrapper.
    ptr::from_ref::<I2cClient>(client).cast_mut().cast()
}

/// A client that takes events.
///
/// # Invariants
///
/// `client` is registered as a target, and remains so for `'a`.
pub struct Target<'a> {
    client: *mut bindings::i2c_client,
    _bus: PhantomData<&'a ()>,
}

impl Target<'_> {
    /// Reports an event, as a controller does from its interrupt handler.
    ///
    /// `value` is the byte that came from the host, or takes the one for it; some controllers have
    /// none for some events.
    pub fn event(
        &self,
        _irq: &LocalInterruptDisabled,
        event: bindings::i2c_slave_event,
        value: Option<&mut u8>,
    ) -> Result {
        let value = value.map_or(ptr::null_mut(), ptr::from_mut);
        // SAFETY: By the type invariants, the client is a target; `value` is null or valid.
        to_result(unsafe { bindings::i2c_slave_event(self.client, event, value) })
    }
}

/// One message of a transfer.
///
/// # Invariants
///
/// `buf` is valid for `len` bytes; with `I2C_M_RECV_LEN` for as many more as the length byte may
/// announce.
#[repr(transparent)]
pub struct Message(bindings::i2c_msg);

/// What a [`Message`] is about.
pub enum Direction<'a> {
    /// The host sends these bytes.
    Write(&'a [u8]),
    /// The host wants bytes.
    Read(Reader<'a>),
}

impl Message {
    /// The address of the target that is meant.
    pub fn address(&self) -> u16 {
        self.0.addr
    }

    /// Whether the host reads.
    pub fn is_read(&self) -> bool {
        u32::from(self.0.flags) & bindings::I2C_M_RD != 0
    }

    /// Gives access to the bytes.
    pub fn direction(&mut self) -> Direction<'_> {
        if self.is_read() {
            Direction::Read(Reader {
                message: &mut self.0,
                done: 0,
            })
        } else if self.0.len == 0 {
            Direction::Write(&[])
        } else {
            // SAFETY: By the type invariants, the buffer is valid for `len` bytes.
            Direction::Write(unsafe { slice::from_raw_parts(self.0.buf, self.0.len.into()) })
        }
    }
}

/// Takes the bytes that a host reads.
///
/// # Invariants
///
/// `done <= message.len`, and the buffer is valid for `len` bytes.
pub struct Reader<'a> {
    message: &'a mut bindings::i2c_msg,
    done: u16,
}

impl Reader<'_> {
    /// Whether the host wants another byte.
    pub fn wants_more(&self) -> bool {
        self.done < self.message.len
    }

    /// Passes the next byte to the host; one that it does not want is lost.
    ///
    /// Fails with `EPROTO` if it is the length of a block and not in 1 to 32.
    pub fn push(&mut self, byte: u8) -> Result {
        if !self.wants_more() {
            return Ok(());
        }
        if self.done == 0 && u32::from(self.message.flags) & bindings::I2C_M_RECV_LEN != 0 {
            if !(1..=BLOCK_MAX).contains(&byte) {
                return Err(EPROTO);
            }
            // INVARIANT: The caller of the transfer has room for the longest block.
            self.message.len = self.message.len.saturating_add(byte.into());
        }

        // SAFETY: By the type invariants and the check above, this is inside the buffer.
        unsafe { self.message.buf.add(self.done.into()).write(byte) };
        self.done = self.done.saturating_add(1);
        Ok(())
    }
}

/// The registration of an adapter. Dropping it removes the adapter and all clients on it.
///
/// # Invariants
///
/// `adapter` is registered, with `algo_data` pointing to the pinned `Self`.
#[pin_data(PinnedDrop)]
pub struct Registration<A: Algorithm> {
    #[pin]
    adapter: Opaque<bindings::i2c_adapter>,
    #[pin]
    targets: Mutex<KVec<ARef<I2cClient>>>,
    algorithm: A,
}

// SAFETY: The i2c core may be called from any thread, and `A` is `Send`.
unsafe impl<A: Algorithm> Send for Registration<A> {}

// SAFETY: What is reached by `&self` is locked or `Sync`.
unsafe impl<A: Algorithm> Sync for Registration<A> {}

impl<A: Algorithm> Registration<A> {
    const ALGORITHM: bindings::i2c_algorithm = bindings::i2c_algorithm {
        __bindgen_anon_1: bindings::i2c_algorithm__bindgen_ty_1 {
            xfer: Some(Self::xfer_callback),
        },
        functionality: Some(Self::functionality_callback),
        __bindgen_anon_3: bindings::i2c_algorithm__bindgen_ty_3 {
            reg_target: Some(Self::reg_target_callback),
        },
        __bindgen_anon_4: bindings::i2c_algorithm__bindgen_ty_4 {
            unreg_target: Some(Self::unreg_target_callback),
        },
        ..pin_init::zeroed()
    };

    /// Registers an adapter with the next free bus number.
    pub fn register(
        algorithm: A,
        module: &'static ThisModule,
    ) -> impl PinInit<Self, Error> + use<A> {
        try_pin_init!(&this in Self {
            algorithm,
            targets <- new_mutex!(KVec::new(), "i2c_adapter_targets"),
            // Comes last: clients can use the adapter from here on.
            adapter <- Opaque::try_ffi_init(move |slot: *mut bindings::i2c_adapter| {
                let mut adapter: bindings::i2c_adapter = pin_init::zeroed();
                adapter.owner = module.as_ptr();
                adapter.algo = &Self::ALGORITHM;
                adapter.algo_data = this.as_ptr().cast();
                // The last byte stays 0.
                let name = A::NAME.to_bytes().iter().take(adapter.name.len().saturating_sub(1));
                for (to, from) in adapter.name.iter_mut().zip(name) {
                    *to = *from;
                }

                // SAFETY: `slot` is valid for writes.
                unsafe { slot.write(adapter) };
                // SAFETY: The adapter is initialised as far as the core wants it, and stays in place
                // until it is deleted.
                to_result(unsafe { bindings::i2c_add_adapter(slot) })
            }),
        })
    }

    /// The number of the bus.
    pub fn number(&self) -> i32 {
        // SAFETY: By the type invariants, the adapter is registered, so that its number is set.
        unsafe { (*self.adapter.get()).nr }
    }

    /// # Safety
    ///
    /// `adapter` must be embedded in a `Self` and registered.
    unsafe fn from_raw<'a>(adapter: *mut bindings::i2c_adapter) -> &'a Self {
        // SAFETY: By the type invariants; `Self` lives until the adapter is deleted.
        unsafe { &*(*adapter).algo_data.cast() }
    }

    /// # Safety
    ///
    /// The core calls this for the adapter that it was registered with, with `count` valid messages.
    unsafe extern "C" fn xfer_callback(
        adapter: *mut bindings::i2c_adapter,
        messages: *mut bindings::i2c_msg,
        count: c_int,
    ) -> c_int {
        // SAFETY: The core calls this for the adapter that it was registered with.
        let this = unsafe { Self::from_raw(adapter) };

        from_result(|| {
            let len = usize::try_from(count)?;
            // SAFETY: The core passes this many messages, which `Message` is transparent for; it has
            // checked their buffers against their lengths.
            let messages = unsafe { slice::from_raw_parts_mut(messages.cast::<Message>(), len) };
            let targets = this.targets.lock();

            this.algorithm
                .transfer(&Bus { targets: &targets }, messages)?;
            Ok(count)
        })
    }

    extern "C" fn functionality_callback(_adapter: *mut bindings::i2c_adapter) -> u32 {
        A::FUNCTIONALITY
    }

    /// # Safety
    ///
    /// The core calls this for a valid client on the adapter that it was registered with.
    unsafe extern "C" fn reg_target_callback(client: *mut bindings::i2c_client) -> c_int {
        // SAFETY: The core calls this for a client on the adapter that it was registered with.
        let (this, address) = unsafe { (Self::from_raw((*client).adapter), (*client).addr) };

        from_result(|| {
            let mut targets = this.targets.lock();
            if (Bus { targets: &targets }).target(address).is_some() {
                return Err(EBUSY);
            }
            // SAFETY: The client is valid; `I2cClient` is a transparent wrapper.
            let client = unsafe { &*client.cast::<I2cClient>() };
            targets.push(client.into(), GFP_KERNEL)?;
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// The core calls this for a client that [`Self::reg_target_callback`] took.
    unsafe extern "C" fn unreg_target_callback(client: *mut bindings::i2c_client) -> c_int {
        // SAFETY: As for `reg_target_callback`.
        let this = unsafe { Self::from_raw((*client).adapter) };

        let mut targets = this.targets.lock();

        let error = match this.algorithm.release_target() {
            Release::Refused(error) => return error.to_errno(),
            Release::DoneWith(error) => error.to_errno(),
            Release::Done => 0,
        };
        targets.retain(|target| as_raw(target) != client);
        error
    }
}

#[pinned_drop]
impl<A: Algorithm> PinnedDrop for Registration<A> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariants, the adapter is registered. This waits until nobody uses it.
        unsafe { bindings::i2c_del_adapter(self.adapter.get()) };
    }
}
