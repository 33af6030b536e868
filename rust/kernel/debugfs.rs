// SPDX-License-Identifier: GPL-2.0

//! Files in debugfs that keep their module loaded while they are open.
//!
//! C header: [`include/linux/debugfs.h`](srctree/include/linux/debugfs.h)
//!
//! The files of the kernel crate's module of this name have no owner: one that is open when its
//! module is removed calls into what was the module when it is closed.

use core::marker::PhantomData;
#[cfg(CONFIG_DEBUG_FS)]
use core::ptr;
use kernel::{
    bindings,
    fmt,
    module::this_module,
    prelude::*,
    seq_file::SeqFile,
    seq_print,
    sync::Arc, //
};

/// What is shown in a file.
#[vtable]
pub trait Show: Send + Sync + 'static {
    /// Writes the whole of the file; may sleep.
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

/// A folder in debugfs with one file that root can read. Dropping it removes both, and waits for
/// those who are reading.
///
/// # Invariants
///
/// `folder` is one that was created here, or an error, which debugfs takes as well. The file in it
/// shows what `_data` points to, and goes before that.
pub struct File<T: Show> {
    #[cfg(CONFIG_DEBUG_FS)]
    folder: *mut bindings::dentry,
    _data: Arc<T>,
}

// SAFETY: Debugfs may be called from any thread, and an `Arc<T>` of what is `Send` and `Sync` is.
unsafe impl<T: Show> Send for File<T> {}

// SAFETY: There is no method on `&self`.
unsafe impl<T: Show> Sync for File<T> {}

impl<T: Show> File<T> {
    /// Creates `folder` and in it the file `name`. As always with debugfs, failing is no error.
    pub fn new(folder: &CStr, name: &CStr, data: Arc<T>) -> Self {
        #[cfg(not(CONFIG_DEBUG_FS))]
        let _ = (folder, name);
        // INVARIANT: Created here. The data does not move with the `Arc`.
        Self {
            #[cfg(CONFIG_DEBUG_FS)]
            // SAFETY: The names are strings. The data is there until the file is removed, by drop, and
            // is what `Operations<T>` take it for.
            folder: unsafe {
                let folder = bindings::debugfs_create_dir(folder.as_char_ptr(), ptr::null_mut());
                bindings::debugfs_create_file_full(
                    name.as_char_ptr(),
                    0o400,
                    folder,
                    Arc::as_ptr(&data).cast_mut().cast(),
                    ptr::null(),
                    &Operations::<T>::TABLE,
                );
                folder
            },
            _data: data,
        }
    }
}

#[cfg(CONFIG_DEBUG_FS)]
impl<T: Show> Drop for File<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariants.
        unsafe { bindings::debugfs_remove(self.folder) };
    }
}

/// The file operations of a [`File`], all but one of them those of a `seq_file`.
struct Operations<T>(PhantomData<T>);

impl<T: Show> Operations<T> {
    const TABLE: bindings::file_operations = bindings::file_operations {
        owner: this_module::<T::OwnerModule>().as_ptr(),
        open: Some(Self::open),
        read: Some(bindings::seq_read),
        llseek: Some(bindings::seq_lseek),
        release: Some(bindings::single_release),
        ..pin_init::zeroed()
    };

    /// # Safety
    ///
    /// `inode` must be that of a `File<T>`, and `file` be being opened.
    unsafe extern "C" fn open(inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
        // SAFETY: By the function's requirements.
        unsafe { bindings::single_open(file, Some(Self::show), (*inode).i_private) }
    }

    /// # Safety
    ///
    /// `seq` must be of a file that was opened by [`Self::open`].
    unsafe extern "C" fn show(seq: *mut bindings::seq_file, _: *mut c_void) -> c_int {
        // SAFETY: The data of a `File<T>`; debugfs lets nobody read who comes after the file was
        // removed, and removing it waits for those who do.
        let data = unsafe { &*(*seq).private.cast::<T>() };
        // SAFETY: The caller passes a valid file.
        let seq = unsafe { SeqFile::from_raw(seq) };

        seq_print!(seq, "{}", Shown(data));
        0
    }
}

/// Shows itself as `fmt` wants it.
struct Shown<'a, T>(&'a T);

impl<T: Show> fmt::Display for Shown<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.show(f)
    }
}
