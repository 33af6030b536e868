// SPDX-License-Identifier: GPL-2.0

//! Which writes to a device may run at the same time.
//!
//! A plain write shares the device with other plain writes. An exclusive one has it alone: it changes bytes that it
//! has read, or toggles a write-protect line.
//!
//! No lock is held during a write, and a callback may write to its own device:
//!
//! - An exclusive writer that waits does not hold up plain ones, since one of them may be the callback of a write
//!   that it waits for. It waits as long as plain writes overlap.
//! - A task with an exclusive turn needs no further one.
//! - A task with a shared turn that asks for an exclusive one waits for other exclusive writers, but not for plain
//!   ones: one of those may be about to do the same.
//!
//! A callback that has another task write to its device, and waits for that, is a deadlock if its own turn or that
//! of the other task is exclusive. Lockdep does not see waiting for a turn.
//!
//! An exclusive turn within a shared one of the same task does not exclude plain writes of other tasks.

use kernel::{
    new_condvar,
    new_mutex,
    prelude::*,
    sync::{
        CondVar,
        Mutex, //
    },
    task::Pid, //
};

/// The turns of the writers of a device.
#[pin_data]
pub struct Turns {
    #[pin]
    writers: Mutex<Writers>,
    #[pin]
    changed: CondVar,
}

struct Writers {
    /// The tasks with a shared turn. A task whose callback writes is listed once more.
    shared: KVec<Pid>,
    /// The task with the exclusive turn.
    exclusive: Option<Pid>,
}

impl Turns {
    pub fn new() -> impl PinInit<Self> {
        let writers = Writers {
            shared: KVec::new(),
            exclusive: None,
        };
        pin_init!(Self {
            writers <- new_mutex!(writers, "nvmem writers"),
            changed <- new_condvar!("nvmem writers"),
        })
    }

    /// Waits until the current task may write beside plain writers.
    pub fn shared(&self) -> Result<Turn<'_>> {
        let task = current!().pid();
        let mut writers = self.writers.lock();
        while writers.exclusive.is_some_and(|owner| owner != task) {
            self.changed.wait(&mut writers);
        }
        if writers.exclusive == Some(task) {
            return Ok(Turn::new(self, Kind::Nested));
        }
        writers.shared.push(task, GFP_KERNEL)?;
        Ok(Turn::new(self, Kind::Shared(task)))
    }

    /// Waits until the current task may write alone.
    pub fn exclusive(&self) -> Turn<'_> {
        let task = current!().pid();
        let mut writers = self.writers.lock();
        if writers.exclusive == Some(task) {
            return Turn::new(self, Kind::Nested);
        }
        let is_nested = writers.shared.contains(&task);
        while writers.exclusive.is_some() || !(is_nested || writers.shared.is_empty()) {
            self.changed.wait(&mut writers);
        }
        writers.exclusive = Some(task);
        Turn::new(self, Kind::Exclusive)
    }
}

/// The right to write, given back when this is dropped.
pub struct Turn<'a> {
    turns: &'a Turns,
    kind: Kind,
}

enum Kind {
    Shared(Pid),
    Exclusive,
    /// Within an exclusive turn of the same task, which ends later.
    Nested,
}

impl<'a> Turn<'a> {
    fn new(turns: &'a Turns, kind: Kind) -> Self {
        Self { turns, kind }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut writers = self.turns.writers.lock();
        match self.kind {
            Kind::Shared(task) => {
                if let Some(index) = writers.shared.iter().position(|&its| its == task) {
                    let _ = writers.shared.remove(index);
                }
            }
            Kind::Exclusive => writers.exclusive = None,
            Kind::Nested => return,
        }
        self.turns.changed.notify_all();
    }
}
