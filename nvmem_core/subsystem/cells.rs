// SPDX-License-Identifier: GPL-2.0

//! The list of a device's cells, and their files in sysfs.
//!
//! The list, a cell's file and the consumers of a cell share its [`Entry`] by reference. Removing a cell
//! removes its file, which waits for those who read it. The list alone has the cell's node in the
//! device tree, and gives it back when the cell is removed, whoever holds the cell.

use crate::{
    attributes, bindings,
    cell::Entry,
    device::{
        Device,
        InSysfs, //
    },
    events::{
        self,
        Event, //
    },
    geometry::{
        Invalid,
        Request, //
    },
    names,
    of::Node,
    post_process::PostProcess,
    sysfs::{
        BinFile,
        Contents,
        Folder,
        Setup, //
    },
};
use kernel::{
    prelude::*,
    sync::{
        aref::ARef,
        Arc, //
    },
};

/// The cells of a device.
pub struct Cells {
    list: KVec<Listed>,
    /// There is one as long as there are files.
    folder: Option<Folder<InSysfs>>,
    /// Keeps the device in sysfs. While this is there, cells that are added get a file and are announced.
    public: Option<InSysfs>,
}

struct Listed {
    announced: Announced,
    /// It is being removed, and cannot be found any more. Its name is taken as long as it may have a file.
    leaving: bool,
    file: Option<Pin<KBox<BinFile<CellFile, InSysfs>>>>,
    node: Option<ARef<Node>>,
    entry: Arc<Entry>,
}

/// Whether listeners know of a cell. Who is telling them that it was added also tells them that it was
/// removed, if that has happened meanwhile.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Announced {
    No,
    Now,
    Yes,
}

impl Cells {
    pub const fn new() -> Self {
        Self {
            list: KVec::new(),
            folder: None,
            public: None,
        }
    }

    fn staying(&self) -> impl Iterator<Item = &Listed> {
        self.list.iter().filter(|listed| !listed.leaving)
    }

    fn position_of(&self, entry: &Arc<Entry>) -> Option<usize> {
        let is_it = |listed: &Listed| Arc::ptr_eq(&listed.entry, entry);
        self.list.iter().position(is_it)
    }

    /// The cell of this name.
    pub fn named(&self, name: &CStr) -> Option<Arc<Entry>> {
        let found = self.staying().find(|listed| *listed.entry.name == *name);
        found.map(|listed| listed.entry.clone())
    }

    /// The cell that the device tree describes by `node`.
    #[cfg(CONFIG_OF)]
    pub fn at_node(&self, node: &Node) -> Option<Arc<Entry>> {
        let is_it = |its: &ARef<Node>| its.as_raw() == node.as_raw();
        let found = self
            .staying()
            .find(|listed| listed.node.as_ref().is_some_and(is_it));
        found.map(|listed| listed.entry.clone())
    }

    /// Makes the file of the cell at `index`, if the device has files.
    fn make_file(&mut self, device: &Device, index: usize) -> Result {
        let listed = self.list.get_mut(index).ok_or(EINVAL)?;
        let in_sysfs = self.public.as_ref().ok_or(ENODEV)?;
        if !cfg!(CONFIG_NVMEM_SYSFS) || listed.file.is_some() {
            return Ok(());
        }
        let folder = match &mut self.folder {
            Some(folder) => folder,
            none => none.insert(Folder::create(in_sysfs.clone(), c"cells")?),
        };
        let Entry { name, extent, .. } = &*listed.entry;
        let (offset, bit) = (extent.offset, extent.bit_offset);
        let setup = Setup {
            name: names::with_suffix(name, fmt!("@{offset:x},{bit:x}"))?,
            mode: 0o444 & device.mode,
            size: extent.bytes,
        };
        let contents = CellFile {
            device: device.into(),
            entry: listed.entry.clone(),
        };
        listed.file = Some(BinFile::in_folder(folder, setup, contents)?);
        Ok(())
    }

    /// Removes the folder if nothing is in it.
    fn tidy(&mut self) {
        let has_file = |listed: &Listed| listed.file.is_some() || listed.leaving;
        if !self.list.iter().any(has_file) {
            self.folder = None;
        }
    }
}

/// What a cell is to be.
pub struct NewCell<'a> {
    pub name: &'a CStr,
    pub request: Request,
    pub post_process: Option<PostProcess>,
}

impl NewCell<'_> {
    /// What `info` says, except for its node.
    ///
    /// # Safety
    ///
    /// `info` is what `nvmem_add_one_cell()` expects, and its callback may be called until the cell is
    /// removed.
    pub unsafe fn from_info(info: &bindings::nvmem_cell_info) -> Result<Self> {
        if info.name.is_null() {
            return Err(EINVAL);
        }
        // SAFETY: By the function's requirements.
        unsafe {
            Ok(Self {
                name: CStr::from_char_ptr(info.name),
                request: request_of(info),
                post_process: PostProcess::new(info),
            })
        }
    }
}

/// What `info` asks for.
pub fn request_of(info: &bindings::nvmem_cell_info) -> Request {
    Request {
        offset: info.offset,
        raw_len: info.raw_len,
        bytes: info.bytes,
        bit_offset: info.bit_offset,
        nbits: info.nbits,
    }
}

/// Says why a cell is refused.
pub fn refuse(device: &Device, name: &CStr, why: Invalid) -> Error {
    device.pr_err(fmt!("cell {name} is refused: {why:?}\n"));
    EINVAL
}

/// Adds a cell to a device, `ENODEV` if its provider has left.
///
/// A layout's cell goes when the layout does, see [`adds_cell`](crate::layout::adds_cell).
pub fn add(device: &Device, cell: NewCell<'_>, node: Option<ARef<Node>>) -> Result {
    // The provider stays until the cell is in the list, from which unregistering removes it.
    let provider = device.access()?;
    let NewCell {
        name,
        request,
        post_process,
    } = cell;

    let extent = match device.geometry.cell(&request) {
        Ok(extent) => extent,
        Err(why) => return Err(refuse(device, name, why)),
    };
    let (entry, public) = {
        let mut cells = device.cells.lock();
        // Under the lock, so that a layout that leaves finds the cell in the list.
        #[cfg(CONFIG_OF)]
        let of_layout = crate::layout::adds_cell(device, post_process.is_some())?;
        #[cfg(not(CONFIG_OF))]
        let of_layout = false;
        let entry = Entry::new(name, extent, of_layout, post_process, &provider)?;
        let is_same = |its: &Arc<Entry>| {
            *its.name == *entry.name
                && its.extent.offset == extent.offset
                && its.extent.bit_offset == extent.bit_offset
        };
        if cells.list.iter().any(|listed| is_same(&listed.entry)) {
            device.pr_err(fmt!(
                "there is a cell {name} at {} already\n",
                extent.offset
            ));
            return Err(EEXIST);
        }
        let public = cells.public.is_some();
        let announced = if public {
            Announced::Now
        } else {
            Announced::No
        };
        let listed = Listed {
            announced,
            leaving: false,
            file: None,
            node,
            entry: entry.clone(),
        };
        cells.list.push(listed, GFP_KERNEL)?;
        device.record.cells(cells.list.len());
        if public {
            let index = cells.list.len().saturating_sub(1);
            if let Err(error) = cells.make_file(device, index) {
                cells.list.pop();
                cells.tidy();
                return Err(error);
            }
        }
        (entry, public)
    };
    drop(provider);
    if public {
        announce(device, &entry);
    }
    Ok(())
}

/// Tells listeners of a cell that is [`Announced::Now`].
fn announce(device: &Device, entry: &Arc<Entry>) {
    events::notify(Event::CellAdd(entry));
    let stays = {
        let mut cells = device.cells.lock();
        let index = cells.position_of(entry);
        match index.and_then(|index| cells.list.get_mut(index)) {
            Some(listed) if !listed.leaving => {
                listed.announced = Announced::Yes;
                true
            }
            _ => false,
        }
    };
    if !stays {
        events::notify(Event::CellRemove(entry));
    }
}

/// Adds the cells that are part of the configuration. Their nodes become the device's.
///
/// # Safety
///
/// `config` is what `nvmem_register()` expects, and its callbacks may be called until the cells are
/// removed.
pub unsafe fn add_configured(device: &Device, config: &bindings::nvmem_config) -> Result {
    if config.cells.is_null() {
        return Ok(());
    }
    for i in 0..usize::try_from(config.ncells).unwrap_or(0) {
        // SAFETY: By the function's requirements.
        unsafe { add_info(device, &*config.cells.add(i)) }?;
    }
    Ok(())
}

/// Adds the cell that `info` describes. The reference to its node is taken over on success only.
///
/// # Safety
///
/// As for [`NewCell::from_info`]; `info.np` is null or a node with a reference.
pub unsafe fn add_info(device: &Device, info: &bindings::nvmem_cell_info) -> Result {
    // SAFETY: By the function's requirements.
    let node: Option<ARef<Node>> = unsafe { Node::from_raw(info.np) }.map(ARef::from);
    // SAFETY: By the function's requirements.
    add(device, unsafe { NewCell::from_info(info) }?, node)?;
    // SAFETY: By the function's requirements, this reference is ours now. The cell has its own.
    drop(unsafe { Node::adopt(info.np) });
    Ok(())
}

/// Makes files for the cells that are there, and announces them.
pub fn publish(device: &Device, in_sysfs: InSysfs) -> Result {
    device.cells.lock().public = Some(in_sysfs);
    loop {
        let entry = {
            let mut cells = device.cells.lock();
            let is_new = |listed: &Listed| listed.announced == Announced::No && !listed.leaving;
            let Some(index) = cells.list.iter().position(is_new) else {
                return Ok(());
            };
            cells.make_file(device, index)?;
            let Some(listed) = cells.list.get_mut(index) else {
                return Ok(());
            };
            listed.announced = Announced::Now;
            listed.entry.clone()
        };
        announce(device, &entry);
    }
}

/// Removes all cells that `which` wants removed, and waits for their callbacks.
///
/// When it returns, no callback of theirs is running or will run, even if another call removes some of them at
/// the same time. It waits for all accesses to the device that are in flight, once for all cells. With access
/// to the device, as a callback of its provider or its layout has, calling it is a deadlock.
pub fn remove(device: &Device, which: impl Fn(&Entry) -> bool) {
    unlist(device, which);
    device.synchronize();
}

/// Removes all cells that `which` wants removed. Calls of their callbacks may still be in flight.
fn unlist(device: &Device, which: impl Fn(&Entry) -> bool) {
    loop {
        let (entry, announced, file, node) = {
            let mut cells = device.cells.lock();
            let mut staying = cells.list.iter_mut().filter(|listed| !listed.leaving);
            let Some(listed) = staying.find(|listed| which(&listed.entry)) else {
                return;
            };
            listed.leaving = true;
            // Together with the mark: another call that finds no cell left only has to synchronise.
            listed.entry.detach();
            (
                listed.entry.clone(),
                listed.announced,
                listed.file.take(),
                listed.node.take(),
            )
        };
        // Without the lock: this waits for readers of the file, and the listeners may do as they like.
        drop((file, node));
        {
            let mut cells = device.cells.lock();
            if let Some(index) = cells.position_of(&entry) {
                let _ = cells.list.remove(index);
                device.record.cells(cells.list.len());
            }
            cells.tidy();
        }
        device.cell_removed.notify_all();
        if announced == Announced::Yes {
            events::notify(Event::CellRemove(&entry));
        }
    }
}

/// Has all cells removed when the device is unregistered. Its provider was revoked before that, which has ended
/// all calls of callbacks.
pub struct Registration(ARef<Device>);

impl Registration {
    pub fn new(device: &ARef<Device>) -> Self {
        Self(device.clone())
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        unlist(&self.0, |_| true);
        // Nobody can add a cell any more, but `nvmem_layout_unregister()` may still remove some: wait until
        // their files are gone too, as the folder of the device goes next.
        let mut cells = self.0.cells.lock();
        while !cells.list.is_empty() {
            self.0.cell_removed.wait(&mut cells);
        }
        cells.public = None;
    }
}

/// What is in the file of a cell.
struct CellFile {
    device: ARef<Device>,
    entry: Arc<Entry>,
}

impl Contents for CellFile {
    fn read(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let value = self.entry.read(&self.device, Some(&self.entry.name), 0)?;
        Ok(attributes::copy_from(&value, offset, buf))
    }

    fn write(&self, _offset: u64, _buf: &[u8]) -> Result<usize> {
        Err(EPERM)
    }
}
