// SPDX-License-Identifier: GPL-2.0

//! Event handlers that run beside the host, in a thread or as a work item.
//!
//! The host waits for a transaction with a read in it, for the bytes. One that only writes is over for
//! the host, and for the lock of the bus, when it is in the queue.

use crate::{
    adapter::{
        Step,
        Targets,
        Transaction, //
    },
    controller::{
        Context,
        Controller, //
    },
    wire::{
        Route,
        Wire, //
    }, //
};
use core::ptr::NonNull;
use kernel::{
    bindings,
    error::from_err_ptr,
    new_condvar,
    new_mutex,
    new_work,
    prelude::*,
    sync::{
        Arc,
        Completion,
        CondVar,
        Mutex, //
    },
    time::msecs_to_jiffies,
    workqueue::{
        self,
        Work,
        WorkItem, //
    }, //
};

/// The outcome of a transaction that the host waits for.
#[pin_data]
struct Reply {
    #[pin]
    outcome: Mutex<Option<Result<Transaction>>>,
    #[pin]
    done: Completion,
}

struct Job {
    controller: &'static Controller,
    transaction: Transaction,
    reply: Option<Arc<Reply>>,
}

struct Queue {
    jobs: KVec<Job>,
    /// A transaction is being reported.
    busy: bool,
}

#[pin_data]
pub(crate) struct Handler {
    targets: Arc<Targets>,
    #[pin]
    queue: Mutex<Queue>,
    #[pin]
    changed: CondVar,
    /// Taken by the one handler that is at work.
    #[pin]
    wire: Mutex<Wire>,
    #[pin]
    work: Work<Self>,
}

kernel::impl_has_work! {
    impl HasWork<Self> for Handler { self.work }
}

impl WorkItem for Handler {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        this.report_all();
    }
}

impl Handler {
    pub(crate) fn new(targets: Arc<Targets>) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                targets,
                queue <- new_mutex!(Queue { jobs: KVec::new(), busy: false }),
                changed <- new_condvar!(),
                wire <- new_mutex!(Wire::new()),
                work <- new_work!("i2c_loopback"),
            }),
            GFP_KERNEL,
        )
    }

    /// Has a transaction reported. Returns it if there is a read in it, otherwise an empty one.
    pub(crate) fn submit(
        self: &Arc<Self>,
        controller: &'static Controller,
        transaction: Transaction,
    ) -> Result<Transaction> {
        let address = transaction.address;
        let reads = transaction
            .steps
            .iter()
            .any(|step| matches!(step, Step::Read(_)));
        let reply = if reads {
            Some(Arc::pin_init(
                pin_init!(Reply {
                    outcome <- new_mutex!(None),
                    done <- Completion::new(),
                }),
                GFP_KERNEL,
            )?)
        } else {
            None
        };
        self.queue.lock().jobs.push(
            Job {
                controller,
                transaction,
                reply: reply.clone(),
            },
            GFP_KERNEL,
        )?;

        if controller.context == Context::Work {
            // It is enough if it was queued before.
            let _ = workqueue::system_unbound().enqueue(self.clone());
        } else {
            self.changed.notify_all();
        }
        match reply {
            Some(reply) => {
                reply.done.wait_for_completion();
                reply.outcome.lock().take().unwrap_or(Err(EIO))
            }
            None => Ok(Transaction {
                address,
                steps: KVec::new(),
            }),
        }
    }

    /// Reports the events of a transaction.
    pub(crate) fn report(
        &self,
        controller: &'static Controller,
        route: &Route<'_>,
        transaction: &mut Transaction,
    ) -> Result {
        self.wire.lock().run(controller, route, transaction)
    }

    /// Forgets the state of the controller, as registering a target does.
    pub(crate) fn reset(&self) {
        *self.wire.lock() = Wire::new();
    }

    /// Waits until no transaction is being reported or about to be.
    pub(crate) fn wait(&self) {
        let mut queue = self.queue.lock();
        while queue.busy || !queue.jobs.is_empty() {
            self.changed.wait(&mut queue);
        }
    }

    /// Reports all transactions in the queue.
    fn report_all(&self) {
        loop {
            let job = {
                let mut queue = self.queue.lock();
                let Ok(job) = queue.jobs.remove(0) else {
                    return;
                };
                queue.busy = true;
                job
            };
            let Job {
                controller,
                mut transaction,
                reply,
            } = job;
            let route = Route::Handler(&self.targets, transaction.address);
            let result = self
                .report(controller, &route, &mut transaction)
                .map(|()| transaction);
            if let Some(reply) = reply {
                *reply.outcome.lock() = Some(result);
                reply.done.complete_all();
            }
            self.queue.lock().busy = false;
            self.changed.notify_all();
        }
    }
}

/// A thread that reports the transactions of a [`Handler`], stopped when this is dropped.
///
/// # Invariants
///
/// `task` runs [`Self::main`] with `handler` as its data, and has a reference.
pub(crate) struct Thread {
    task: NonNull<bindings::task_struct>,
    _handler: Arc<Handler>,
}

// SAFETY: A thread may be stopped by any other thread.
unsafe impl Send for Thread {}

// SAFETY: There is no method on `&self`.
unsafe impl Sync for Thread {}

impl Thread {
    pub(crate) fn new(handler: Arc<Handler>) -> Result<Self> {
        let data = Arc::as_ptr(&handler).cast_mut().cast();
        // SAFETY: `main` expects a handler, which is kept until the thread is stopped. The format takes
        // no arguments.
        let task = from_err_ptr(unsafe {
            bindings::kthread_create_on_node(
                Some(Self::main),
                data,
                bindings::NUMA_NO_NODE,
                c"i2c_loopback".as_char_ptr(),
            )
        })?;
        // SAFETY: The thread was just made. The reference keeps the task after its end.
        unsafe {
            bindings::get_task_struct(task);
            bindings::wake_up_process(task);
        }
        // INVARIANT: As above.
        Ok(Self {
            task: NonNull::new(task).ok_or(ENOMEM)?,
            _handler: handler,
        })
    }

    /// The function of the thread.
    ///
    /// # Safety
    ///
    /// This must be a kernel thread, and `data` a [`Handler`] that stays until the thread has ended.
    unsafe extern "C" fn main(data: *mut c_void) -> c_int {
        // SAFETY: By the function's requirements.
        let handler = unsafe { &*data.cast::<Handler>() };

        // SAFETY: By the function's requirements.
        while !unsafe { bindings::kthread_should_stop() } {
            handler.report_all();
            let mut queue = handler.queue.lock();
            if queue.jobs.is_empty() {
                // Not for ever: the thread may be told to stop between the check and the sleep.
                let _ = handler
                    .changed
                    .wait_interruptible_timeout(&mut queue, msecs_to_jiffies(100));
            }
        }
        0
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        // SAFETY: By the type invariants. It waits for the end of the thread.
        unsafe { bindings::kthread_stop_put(self.task.as_ptr()) };
    }
}
