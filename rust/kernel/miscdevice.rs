// SPDX-License-Identifier: GPL-2.0

//! Misc devices whose open files may outlive their registration.
//!
//! C header: [`include/linux/miscdevice.h`](srctree/include/linux/miscdevice.h)
//!
//! In addition to what mainline's abstraction of this name offers, a device here has a parent, a
//! name made at run time, data of its own that every open file shares, and a poll operation.
//!
//! Open files hold references to the [`MiscDevice`], not to its [`Registration`]. Dropping the
//! registration removes the device node and prevents further opens, and leaves open files alone.
//! What these still can do is up to the device; a [`Monitor`](super::monitor::Monitor) makes it
//! fail with `ENODEV`. The module stays loaded as long as there are open files.

use crate::bindings as helpers;
use core::{
    marker::PhantomData,
    ptr, //
};
use kernel::{
    bindings,
    device,
    error::to_result,
    fs::{
        file::flags::O_NONBLOCK,
        File,
        Kiocb, //
    },
    iov::{
        IovIterDest,
        IovIterSource, //
    },
    module::this_module,
    prelude::*,
    str::CString,
    sync::{
        aref::ARef,
        poll::PollTable,
        Arc, //
    },
    types::{
        ForeignOwnable,
        Opaque, //
    }, //
};

/// A set of poll events, such as [`PollEvents::IN`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PollEvents(bindings::__poll_t);

impl PollEvents {
    /// Nothing happened.
    pub const NONE: Self = Self(0);
    /// Data can be read.
    pub const IN: Self = Self(bindings::POLLIN | bindings::POLLRDNORM);
    /// Data can be written.
    pub const OUT: Self = Self(bindings::POLLOUT | bindings::POLLWRNORM);
    /// The device is gone.
    pub const GONE: Self = Self(bindings::POLLHUP | bindings::POLLERR);

    /// These events, if `condition` holds.
    pub fn when(self, condition: bool) -> Self {
        if condition {
            self
        } else {
            Self::NONE
        }
    }

    /// These events and `other`.
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// What a misc device does, and the data that its open files share.
#[vtable]
pub trait MiscDevice: Send + Sync + Sized + 'static {
    /// Called when the device is opened; an error refuses it.
    ///
    /// Runs under the lock that also covers registration and deregistration of misc devices.
    fn open(&self, file: &File) -> Result;

    /// Called when the last reference to an open file is gone.
    fn release(&self, file: &File);

    /// Reads from the device into `iov`. Returns the number of bytes read.
    ///
    /// Fails with `EAGAIN` instead of sleeping unless the call [`may_sleep`].
    fn read_iter(&self, kiocb: &Kiocb<'_, Arc<Self>>, iov: &mut IovIterDest<'_>) -> Result<usize>;

    /// Writes to the device from `iov`. Returns the number of bytes written.
    ///
    /// Fails with `EAGAIN` instead of sleeping unless the call [`may_sleep`].
    fn write_iter(
        &self,
        kiocb: &Kiocb<'_, Arc<Self>>,
        iov: &mut IovIterSource<'_>,
    ) -> Result<usize>;

    /// Tells what can be done without sleeping, and has `table` watch for changes.
    fn poll(&self, file: &File, table: &PollTable<'_>) -> PollEvents;
}

/// Returns whether a read or write may sleep.
///
/// It may not if the file was opened with `O_NONBLOCK`, nor if the call itself is non-blocking:
/// `preadv2()` with `RWF_NOWAIT`, or io_uring on the thread that submits.
pub fn may_sleep<T: ForeignOwnable>(kiocb: &Kiocb<'_, T>) -> bool {
    // SAFETY: The kiocb is valid, its flags are not changed during the call, and it has a reference to
    // its file. The flags of a file may change at any time.
    let (call, file) = unsafe {
        let raw = kiocb.as_raw();
        (
            (*raw).ki_flags,
            ptr::read_volatile(&raw const (*(*raw).ki_filp).f_flags),
        )
    };
    // CAST: The kernel gives the flag the type of `ki_flags`.
    call & helpers::bmc_rust_IOCB_NOWAIT as c_int == 0 && file & O_NONBLOCK == 0
}

/// The registration of a misc device. Dropping it removes the device node.
///
/// # Invariants
///
/// - `inner` is a `struct miscdevice` registered by `misc_register()`, with the operations of
///   `FileOperations<T>`; it is embedded in a pinned `Self`.
/// - `inner.name` and `inner.parent` point to what `_name` and `_parent` own.
#[pin_data(PinnedDrop)]
pub struct Registration<T: MiscDevice> {
    #[pin]
    inner: Opaque<bindings::miscdevice>,
    device: Arc<T>,
    _name: CString,
    _parent: ARef<device::Device>,
}

// SAFETY: A misc device may be deregistered by any thread, and `T` is `Send` and `Sync`.
unsafe impl<T: MiscDevice> Send for Registration<T> {}

// SAFETY: There is no method on `&self`.
unsafe impl<T: MiscDevice> Sync for Registration<T> {}

impl<T: MiscDevice> Registration<T> {
    /// Registers `device` as a child of `parent`, with a node called `name` and a dynamic minor.
    ///
    /// The name must not be taken: the kernel would complain loudly before it refuses.
    pub fn register(
        device: Arc<T>,
        name: CString,
        parent: &device::Device<device::Bound>,
    ) -> impl PinInit<Self, Error> + use<'_, T> {
        let name_ptr = name.as_char_ptr();
        let parent: ARef<device::Device> = parent.into();
        let parent_ptr = ptr::from_ref(&*parent)
            .cast_mut()
            .cast::<bindings::device>();

        // INVARIANT: The heap memory behind `name` and the device behind `parent` do not move with
        // their owners.
        try_pin_init!(Self {
            device,
            _name: name,
            _parent: parent,
            // Comes last: files can be opened from here on.
            inner <- Opaque::try_ffi_init(move |slot: *mut bindings::miscdevice| {
                let mut misc: bindings::miscdevice = pin_init::zeroed();

                // CAST: the constant is 255.
                misc.minor = bindings::MISC_DYNAMIC_MINOR as c_int;
                misc.name = name_ptr;
                misc.fops = &FileOperations::<T>::TABLE;
                misc.parent = parent_ptr;

                // SAFETY: `slot` is valid for writes.
                unsafe { slot.write(misc) };
                // SAFETY: `slot` is initialised, and will stay in place until it is deregistered.
                to_result(unsafe { bindings::misc_register(slot) })
            }),
        })
    }
}

#[pinned_drop]
impl<T: MiscDevice> PinnedDrop for Registration<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariants, `inner` is registered.
        unsafe { bindings::misc_deregister(self.inner.get()) };
    }
}

/// The file operations of the misc device `T`. Every file's private data is an `Arc<T>`.
struct FileOperations<T>(PhantomData<T>);

impl<T: MiscDevice> FileOperations<T> {
    const TABLE: bindings::file_operations = bindings::file_operations {
        open: Some(Self::open),
        release: Some(Self::release),
        read_iter: Some(Self::read_iter),
        write_iter: Some(Self::write_iter),
        poll: Some(Self::poll),
        owner: this_module::<T::OwnerModule>().as_ptr(),
        ..pin_init::zeroed()
    };

    /// # Safety
    ///
    /// `file` must be being opened by `misc_open()` for a `Registration<T>`.
    unsafe extern "C" fn open(_inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
        // SAFETY: `misc_open()` has put the `struct miscdevice` here; only this call sees the file.
        let misc = unsafe { (*file).private_data }.cast::<bindings::miscdevice>();
        // SAFETY: By the invariants of `Registration`, the `struct miscdevice` is embedded in one.
        // `misc_open()` holds the lock that deregistering needs. Everything but `inner` was
        // initialised before `inner` was registered, so it can be referenced.
        let device = unsafe {
            let this = kernel::container_of!(Opaque::cast_from(misc), Registration<T>, inner);
            &(*this).device
        };

        // SAFETY: The file is valid for the call, and no `fdget_pos` region is active on it.
        match device.open(unsafe { File::from_raw_file(file) }) {
            Ok(()) => {
                // SAFETY: As above, only this call sees the file. From here on its private data is
                // an `Arc<T>`, which is what all other operations take it for. `read_iter` and
                // `write_iter` look for `IOCB_NOWAIT`, as this mode promises.
                unsafe {
                    (*file).private_data = device.clone().into_foreign();
                    (*file).f_mode |= helpers::bmc_rust_FMODE_NOWAIT;
                }
                0
            }
            Err(e) => e.to_errno(),
        }
    }

    /// # Safety
    ///
    /// `file` must have been opened by [`Self::open`], and not be used after this call.
    unsafe extern "C" fn release(_inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
        // SAFETY: The private data is the `Arc<T>` that `open` put there; this call owns it.
        let device = unsafe { Arc::<T>::from_foreign((*file).private_data) };

        // SAFETY: The file is valid for the call, and no `fdget_pos` region is active on it.
        device.release(unsafe { File::from_raw_file(file) });
        0
    }

    /// # Safety
    ///
    /// `kiocb` must be for a file opened by [`Self::open`], and `iov` be valid for writing.
    unsafe extern "C" fn read_iter(
        kiocb: *mut bindings::kiocb,
        iov: *mut bindings::iov_iter,
    ) -> isize {
        // SAFETY: The caller passes a valid iterator.
        let iov = unsafe { IovIterDest::from_raw(iov) };
        // SAFETY: The kiocb is valid for the call. The private data of its file is an `Arc<T>`.
        let kiocb = unsafe { Kiocb::<'_, Arc<T>>::from_raw(kiocb) };

        errno_or_len(kiocb.file().read_iter(&kiocb, iov))
    }

    /// # Safety
    ///
    /// `kiocb` must be for a file opened by [`Self::open`], and `iov` be valid for reading.
    unsafe extern "C" fn write_iter(
        kiocb: *mut bindings::kiocb,
        iov: *mut bindings::iov_iter,
    ) -> isize {
        // SAFETY: The caller passes a valid iterator.
        let iov = unsafe { IovIterSource::from_raw(iov) };
        // SAFETY: The kiocb is valid for the call. The private data of its file is an `Arc<T>`.
        let kiocb = unsafe { Kiocb::<'_, Arc<T>>::from_raw(kiocb) };

        errno_or_len(kiocb.file().write_iter(&kiocb, iov))
    }

    /// # Safety
    ///
    /// `file` must have been opened by [`Self::open`], and `table` be null or valid.
    unsafe extern "C" fn poll(
        file: *mut bindings::file,
        table: *mut bindings::poll_table_struct,
    ) -> bindings::__poll_t {
        // SAFETY: The private data is an `Arc<T>`, which lives as long as the file is open.
        let device = unsafe { Arc::<T>::borrow((*file).private_data) };
        // SAFETY: The caller passes a table that is valid for the call.
        let table = unsafe { PollTable::from_raw(table) };

        // SAFETY: The file is valid for the call. Who polls uses `fdget`, so that no `fdget_pos` region
        // is active on it.
        let file = unsafe { File::from_raw_file(file) };

        device.poll(file, &table).0
    }
}

/// The result of a read or write as the VFS wants it.
fn errno_or_len(result: Result<usize>) -> isize {
    match result {
        // CAST: no transfer is longer than `MAX_RW_COUNT`, which fits.
        Ok(len) => len as isize,
        // CAST: an errno fits.
        Err(e) => e.to_errno() as isize,
    }
}
