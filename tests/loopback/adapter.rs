// SPDX-License-Identifier: GPL-2.0

//! I2C adapters that are made in software, and the targets on them.
//!
//! C header: [`include/linux/i2c.h`](srctree/include/linux/i2c.h)
//!
//! An [`Algorithm`] moves the bytes of a [`Transaction`]; a [`Registration`] presents it to the i2c
//! core as an adapter, and lists the clients that are registered as targets on it.

use core::{
    marker::PhantomData,
    ptr, //
};
use kernel::{
    bindings,
    device,
    error::{
        from_result,
        to_result, //
    },
    i2c::I2cClient,
    new_mutex,
    prelude::*,
    sync::{
        aref::ARef,
        Arc,
        Mutex, //
    },
    types::Opaque,
    ThisModule, //
};

/// The longest SMBus block, and so the most that its length byte may announce.
const BLOCK_MAX: usize = bindings::I2C_SMBUS_BLOCK_MAX as usize;

/// The behaviour of an adapter.
pub(crate) trait Algorithm: Send + Sync + 'static {
    /// The name of the adapter, as sysfs shows it.
    const NAME: &'static CStr;

    /// Returns the adapter's capabilities: `I2C_FUNC_*`.
    fn functionality(&self) -> u32;

    /// Executes a transaction, and returns it with the bytes that were read.
    ///
    /// The bus is locked: no other transfer is under way, and no target is registered or unregistered.
    fn transfer(&self, bus: &Bus<'_>, transaction: Transaction) -> Result<Transaction>;

    /// Releases a target; the bus is locked.
    fn release_target(&self) -> Release;

    /// Called after a target was taken off the list; the bus is locked.
    fn released(&self);
}

/// Whether a controller releases a target, and the value that it returns.
pub(crate) enum Release {
    /// It releases the target.
    Done(c_int),
    /// It keeps the target.
    Kept(c_int),
}

/// The clients that are registered as targets.
#[pin_data]
pub(crate) struct Targets {
    #[pin]
    list: Mutex<KVec<ARef<I2cClient>>>,
}

impl Targets {
    pub(crate) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                list <- new_mutex!(KVec::new(), "i2c_adapter_targets"),
            }),
            GFP_KERNEL,
        )
    }

    fn find(&self, address: u16) -> Option<ARef<I2cClient>> {
        let list = self.list.lock();
        let found = list
            .iter()
            // SAFETY: `as_raw` points to a valid client.
            .find(|client| unsafe { (*as_raw(client)).addr } == address);
        found.cloned()
    }

    /// Finds the target with this address without the bus lock, as the event handler of a controller
    /// does.
    ///
    /// # Safety
    ///
    /// The target may be unregistered at any time from now on. Its driver must keep the callback
    /// of the client callable for a handler that has found the client before.
    pub(crate) unsafe fn target(&self, address: u16) -> Option<Target<'_>> {
        // INVARIANT: By the function's requirements.
        self.find(address).map(Target::new)
    }
}

/// The bus during a transfer.
pub(crate) struct Bus<'a>(&'a Targets);

impl<'a> Bus<'a> {
    /// Returns the target with this address, if there is one.
    pub(crate) fn target(&self, address: u16) -> Option<Target<'a>> {
        // INVARIANT: The client is registered, and stays so for `'a`: the bus is locked.
        self.0.find(address).map(Target::new)
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
/// The client's callback may be called for `'a`.
pub(crate) struct Target<'a> {
    client: ARef<I2cClient>,
    _bus: PhantomData<&'a ()>,
}

impl Target<'_> {
    fn new(client: ARef<I2cClient>) -> Self {
        Self {
            client,
            _bus: PhantomData,
        }
    }

    /// Reports that the host addresses the target for a write; `null` passes no value, as some
    /// controllers do.
    pub(crate) fn write_requested(&self, null: bool) -> Result {
        self.event(
            bindings::i2c_slave_event_I2C_SLAVE_WRITE_REQUESTED,
            (!null).then_some(&mut 0),
        )
    }

    /// Reports a byte from the host.
    pub(crate) fn write_received(&self, mut byte: u8) -> Result {
        self.event(
            bindings::i2c_slave_event_I2C_SLAVE_WRITE_RECEIVED,
            Some(&mut byte),
        )
    }

    /// Reports that the host addresses the target for a read, and returns the first byte for it.
    pub(crate) fn read_requested(&self) -> u8 {
        self.byte(bindings::i2c_slave_event_I2C_SLAVE_READ_REQUESTED)
    }

    /// Returns the next byte for the host.
    pub(crate) fn read_processed(&self) -> u8 {
        self.byte(bindings::i2c_slave_event_I2C_SLAVE_READ_PROCESSED)
    }

    /// Reports the end of the transaction; `null` as for [`Self::write_requested`].
    pub(crate) fn stop(&self, null: bool) {
        let _ = self.event(
            bindings::i2c_slave_event_I2C_SLAVE_STOP,
            (!null).then_some(&mut 0),
        );
    }

    /// Has the target fill a byte that holds a value which it must replace. No controller looks at
    /// the result.
    fn byte(&self, event: bindings::i2c_slave_event) -> u8 {
        let mut byte = 0xa5;
        let _ = self.event(event, Some(&mut byte));
        byte
    }

    fn event(&self, event: bindings::i2c_slave_event, value: Option<&mut u8>) -> Result {
        let value = value.map_or(ptr::null_mut(), ptr::from_mut);
        // SAFETY: By the type invariants. The value of a byte event is a byte; that of the two other
        // ones has no meaning, and drivers do not look at it.
        to_result(unsafe { bindings::i2c_slave_event(as_raw(&self.client), event, value) })
    }
}

/// One transfer, from the start condition to the stop condition.
pub(crate) struct Transaction {
    pub(crate) address: u16,
    pub(crate) steps: KVec<Step>,
}

/// The part of a transaction that follows a start condition.
pub(crate) enum Step {
    /// The host sends these bytes.
    Write(KVec<u8>),
    /// The host wants bytes.
    Read(Reader),
}

/// Takes the bytes that a host reads.
pub(crate) struct Reader {
    bytes: KVec<u8>,
    wanted: usize,
    /// The first byte announces how many follow.
    is_block: bool,
}

impl Reader {
    /// The number of bytes that the host wants.
    pub(crate) fn wanted(&self) -> usize {
        self.wanted
    }

    /// Whether the host wants another byte.
    pub(crate) fn wants_more(&self) -> bool {
        self.bytes.len() < self.wanted
    }

    /// Passes the next byte to the host; one that it does not want is lost.
    ///
    /// Fails with `EPROTO` if it is the length of a block and not in 1 to 32.
    pub(crate) fn push(&mut self, byte: u8) -> Result {
        if !self.wants_more() {
            return Ok(());
        }
        if self.is_block && self.bytes.is_empty() {
            if !(1..=BLOCK_MAX).contains(&usize::from(byte)) {
                return Err(EPROTO);
            }
            self.wanted = self.wanted.saturating_add(byte.into());
        }
        // There is room for the longest block; interrupts may be disabled here.
        self.bytes.push_within_capacity(byte).map_err(|_| ENOSPC)
    }
}

impl Transaction {
    /// Copies the messages of a transfer.
    ///
    /// # Safety
    ///
    /// Each message must have a buffer of its length.
    unsafe fn from_messages(messages: &[bindings::i2c_msg]) -> Result<Self> {
        let mut steps = KVec::with_capacity(messages.len(), GFP_KERNEL)?;
        for message in messages {
            let (flags, wanted) = (u32::from(message.flags), usize::from(message.len));
            let step = if flags & bindings::I2C_M_RD != 0 {
                Step::Read(Reader {
                    bytes: KVec::with_capacity(wanted.saturating_add(BLOCK_MAX), GFP_KERNEL)?,
                    wanted,
                    is_block: flags & bindings::I2C_M_RECV_LEN != 0,
                })
            } else {
                let mut bytes = KVec::new();
                if wanted != 0 {
                    // SAFETY: By the function's requirements.
                    let from = unsafe { core::slice::from_raw_parts(message.buf, wanted) };
                    bytes.extend_from_slice(from, GFP_KERNEL)?;
                }
                Step::Write(bytes)
            };
            steps.push(step, GFP_KERNEL)?;
        }
        Ok(Self {
            address: messages.first().map_or(0, |first| first.addr),
            steps,
        })
    }

    /// Copies the bytes that were read to the messages of the transfer.
    ///
    /// # Safety
    ///
    /// `self` must be of these messages. The buffer of one with `I2C_M_RECV_LEN` must have room for
    /// the longest block in addition to the message's length.
    unsafe fn reply(&self, messages: &mut [bindings::i2c_msg]) {
        for (message, step) in messages.iter_mut().zip(&self.steps) {
            if let Step::Read(Reader { bytes, .. }) = step {
                // SAFETY: No more bytes were taken than the message wants, or than it may want if it
                // is for a block. By the function's requirements there is room for these.
                unsafe {
                    message
                        .buf
                        .copy_from_nonoverlapping(bytes.as_ptr(), bytes.len())
                };
                // CAST: At most the length of a message and of a block, which the i2c core and
                // i2c-dev keep well below the limit.
                message.len = bytes.len() as u16;
            }
        }
    }
}

/// The registration of an adapter. Dropping it removes the adapter and all clients on it.
///
/// # Invariants
///
/// `adapter` is registered, with `algo_data` pointing to the pinned `Self`.
#[pin_data(PinnedDrop)]
pub(crate) struct Registration<A: Algorithm> {
    #[pin]
    adapter: Opaque<bindings::i2c_adapter>,
    targets: Arc<Targets>,
    algorithm: A,
    _parent: ARef<device::Device>,
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

    /// Registers an adapter with the next free bus number, as a child of `parent`.
    ///
    /// # Safety
    ///
    /// `node` must be null, or a node of the device tree that stays for ever.
    pub(crate) unsafe fn register<'a>(
        algorithm: A,
        targets: Arc<Targets>,
        parent: &'a device::Device<device::Bound>,
        node: *mut bindings::device_node,
        module: &'static ThisModule,
    ) -> impl PinInit<Self, Error> + use<'a, A> {
        // CAST: `Device` is a transparent wrapper.
        let parent_ptr = ptr::from_ref(parent).cast_mut().cast();

        try_pin_init!(&this in Self {
            algorithm,
            targets,
            _parent: parent.into(),
            // Comes last: clients can use the adapter from here on.
            adapter <- Opaque::try_ffi_init(move |slot: *mut bindings::i2c_adapter| {
                let mut adapter: bindings::i2c_adapter = pin_init::zeroed();
                adapter.owner = module.as_ptr();
                adapter.algo = &Self::ALGORITHM;
                adapter.algo_data = this.as_ptr().cast();
                adapter.dev.parent = parent_ptr;
                adapter.dev.of_node = node;
                // The last byte stays 0.
                let name = A::NAME.to_bytes().iter().take(adapter.name.len().saturating_sub(1));
                for (to, from) in adapter.name.iter_mut().zip(name) {
                    *to = *from;
                }

                // SAFETY: `slot` is valid for writes.
                unsafe { slot.write(adapter) };
                // SAFETY: The adapter is initialised as far as the core wants it, and stays in place
                // until it is deleted. Its parent has a reference for as long.
                to_result(unsafe { bindings::i2c_add_adapter(slot) })
            }),
        })
    }

    /// The number of the bus.
    pub(crate) fn number(&self) -> i32 {
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
            if len == 0 {
                return Ok(0);
            }
            // SAFETY: The core passes this many messages.
            let messages = unsafe { core::slice::from_raw_parts_mut(messages, len) };
            // SAFETY: The core has checked the buffers against the lengths.
            let transaction = unsafe { Transaction::from_messages(messages) }?;

            let done = this.algorithm.transfer(&Bus(&this.targets), transaction)?;
            // SAFETY: The transaction is of these messages, or empty. The callers of the core allocate
            // room for the longest block.
            unsafe { done.reply(messages) };
            Ok(count)
        })
    }

    /// # Safety
    ///
    /// The core calls this for the adapter that it was registered with.
    unsafe extern "C" fn functionality_callback(adapter: *mut bindings::i2c_adapter) -> u32 {
        // SAFETY: By the function's requirements.
        unsafe { Self::from_raw(adapter) }.algorithm.functionality()
    }

    /// # Safety
    ///
    /// The core calls this for a valid client on the adapter that it was registered with.
    unsafe extern "C" fn reg_target_callback(client: *mut bindings::i2c_client) -> c_int {
        // SAFETY: The core calls this for a client on the adapter that it was registered with.
        let (this, address) = unsafe { (Self::from_raw((*client).adapter), (*client).addr) };

        from_result(|| {
            // The bus lock keeps another target from being registered in between.
            if this.targets.find(address).is_some() {
                return Err(EBUSY);
            }
            // SAFETY: The client is valid; `I2cClient` is a transparent wrapper.
            let client = unsafe { &*client.cast::<I2cClient>() };
            this.targets.list.lock().push(client.into(), GFP_KERNEL)?;
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// The core calls this for a valid client on the adapter that it was registered with.
    unsafe extern "C" fn unreg_target_callback(client: *mut bindings::i2c_client) -> c_int {
        // SAFETY: As for `reg_target_callback`.
        let this = unsafe { Self::from_raw((*client).adapter) };

        let is_listed = |target: &ARef<I2cClient>| as_raw(target) == client;
        if !this.targets.list.lock().iter().any(is_listed) {
            return EINVAL.to_errno();
        }
        let value = match this.algorithm.release_target() {
            Release::Kept(value) => return value,
            Release::Done(value) => value,
        };
        this.targets.list.lock().retain(|target| !is_listed(target));
        this.algorithm.released();
        value
    }
}

#[pinned_drop]
impl<A: Algorithm> PinnedDrop for Registration<A> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariants, the adapter is registered. This waits until nobody uses it.
        unsafe { bindings::i2c_del_adapter(self.adapter.get()) };
    }
}
