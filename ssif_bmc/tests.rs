// SPDX-License-Identifier: GPL-2.0

//! KUnit: bus events through the lock, the timer and the monitor, without a bus.
//!
//! The scenarios are those of the C driver's suite `ssif_bmc_test`, by the same names; they look at
//! what a host and a daemon can see.

use kernel::prelude::*;

#[kunit_tests(ssif_bmc_rust)]
mod tests {
    use super::*;
    use crate::{
        channel::{
            Channel,
            ResponseTimeout, //
        },
        protocol::Pec,
        timer::{
            self,
            Handler,
            Timer, //
        }, //
    };
    use kernel::{
        device::{
            Bound,
            Device, //
        },
        faux, static_lock_class,
        sync::Arc,
        time::{
            delay::fsleep,
            msecs_to_jiffies,
            Delta, //
        },
    };

    const ADDRESS: u8 = 0x20;
    const READ: u8 = 0x03;
    const WRITE: u8 = 0x02;

    /// A target without a controller.
    struct Target {
        channel: Arc<Channel>,
        timer: Pin<KBox<Timer<ResponseTimeout>>>,
        _device: faux::Registration,
    }

    impl Target {
        fn new(timeout_ms: u32) -> Result<Self> {
            let device = faux::Registration::new(c"ssif_bmc_test", None)?;
            let dev: &Device<Bound> = device.as_ref().as_ref();
            let channel = Arc::pin_init(
                Channel::new(dev.into(), ADDRESS, msecs_to_jiffies(timeout_ms)),
                GFP_KERNEL,
            )?;
            let timer = KBox::pin_init(
                Timer::new(
                    ResponseTimeout(channel.clone()),
                    c"ssif_bmc_test",
                    static_lock_class!(),
                ),
                GFP_KERNEL,
            )?;
            Ok(Self {
                channel,
                timer,
                _device: device,
            })
        }

        /// Addresses the target for a write and writes `bytes`; all must be taken.
        fn write(&self, bytes: &[u8]) -> Result {
            self.channel.write_requested(&self.timer)?;
            bytes
                .iter()
                .try_for_each(|byte| self.channel.write_received(&self.timer, *byte))
        }

        fn stop(&self) {
            self.channel.stop(&self.timer);
        }

        fn read_requested(&self) -> u8 {
            self.channel.read_requested(&self.timer)
        }

        fn read_processed(&self) -> u8 {
            self.channel.read_processed(&self.timer)
        }

        /// Whether the unread request is `bytes`.
        fn has_request(&self, bytes: &[u8]) -> bool {
            self.channel
                .state
                .lock()
                .is_ok_and(|state| state.machine.request() == Some(bytes))
        }

        fn is_quiet(&self) -> bool {
            self.channel.state.lock().is_ok_and(|state| {
                state.machine.request().is_none() && !state.machine.can_respond()
            })
        }

        /// Has a request with `bytes` come in, and answers it.
        fn respond(&self, response: &[u8]) -> Result {
            // The request has a PEC, so that the response gets one.
            let pec = crate::channel::KernelPec::update(0, &[ADDRESS << 1, WRITE, 1, 0x42]);
            self.write(&[WRITE, 1, 0x42, pec])?;
            self.stop();
            let answer = self.channel.state.lock()?.machine.respond(response);
            answer.map_err(|_| EINVAL)
        }
    }

    #[test]
    fn singlepart_req() -> Result {
        let target = Target::new(500)?;

        target.write(&[WRITE, 2, 0xaa, 0x55])?;
        target.stop();
        assert!(target.has_request(&[0xaa, 0x55]));
        Ok(())
    }

    #[test]
    fn restart_write_without_stop() -> Result {
        let target = Target::new(500)?;

        target.write(&[WRITE, 2, 0xde])?;
        target.write(&[WRITE, 2, 0xaa, 0x55])?;
        target.stop();
        assert!(target.has_request(&[0xaa, 0x55]));
        Ok(())
    }

    #[test]
    fn restart_after_invalid_command() -> Result {
        let target = Target::new(500)?;

        target.write(&[0xff, 1])?;
        target.write(&[WRITE, 2, 0xaa, 0x55])?;
        target.stop();
        assert!(target.has_request(&[0xaa, 0x55]));
        Ok(())
    }

    #[test]
    fn singlepart_read_response_completion() -> Result {
        let target = Target::new(500)?;

        target.respond(&[0x11, 0x22])?;
        target.write(&[READ])?;
        assert_eq!(target.read_requested(), 2);
        assert_eq!(target.read_processed(), 0x11);
        assert_eq!(target.read_processed(), 0x22);
        let wire = [ADDRESS << 1, READ, ADDRESS << 1 | 1, 2, 0x11, 0x22];
        assert_eq!(
            target.read_processed(),
            crate::channel::KernelPec::update(0, &wire)
        );
        target.stop();
        assert!(target.is_quiet());
        // Nothing is left of it.
        target.write(&[READ])?;
        assert_eq!(target.read_requested(), 0);
        Ok(())
    }

    #[test]
    fn stop_during_start_discards_partial_request() -> Result {
        let target = Target::new(500)?;

        target.write(&[])?;
        target.stop();
        assert!(target.is_quiet());
        target.write(&[WRITE, 1, 0x77])?;
        target.stop();
        assert!(target.has_request(&[0x77]));
        Ok(())
    }

    #[test]
    fn read_interrupts_partial_write() -> Result {
        let target = Target::new(500)?;

        target.write(&[WRITE, 2, 0xab])?;
        assert_eq!(target.read_requested(), 0);
        target.stop();
        assert!(target.is_quiet());
        target.write(&[WRITE, 1, 0xcd])?;
        target.stop();
        assert!(target.has_request(&[0xcd]));
        Ok(())
    }

    #[test]
    fn write_interrupts_response_send() -> Result {
        let target = Target::new(500)?;

        target.respond(&[0x66])?;
        target.write(&[READ])?;
        assert_eq!(target.read_requested(), 1);
        target.write(&[WRITE, 2, 0xaa, 0x55])?;
        target.stop();
        assert!(target.has_request(&[0xaa, 0x55]));
        Ok(())
    }

    #[test]
    fn write_interrupts_response_sending() -> Result {
        let target = Target::new(500)?;

        target.respond(&[0x66])?;
        target.write(&[READ])?;
        assert_eq!(target.read_requested(), 1);
        assert_eq!(target.read_processed(), 0x66);
        target.write(&[WRITE, 2, 0xaa, 0x55])?;
        target.stop();
        assert!(target.has_request(&[0xaa, 0x55]));
        Ok(())
    }

    #[test]
    fn writes_are_refused_while_a_request_waits() -> Result {
        let target = Target::new(500)?;

        target.write(&[WRITE, 1, 0x21])?;
        target.stop();
        assert_eq!(target.write(&[]), Err(EBUSY));
        assert_eq!(
            target.channel.write_received(&target.timer, READ),
            Err(EBUSY)
        );
        assert_eq!(target.read_requested(), 0);
        target.stop();
        assert!(target.has_request(&[0x21]));
        Ok(())
    }

    #[test]
    fn timeout_interrupt_allows_retry() -> Result {
        let target = Target::new(20)?;

        target.write(&[WRITE, 1, 0x21])?;
        target.stop();
        fsleep(Delta::from_millis(100));
        assert!(target.is_quiet());
        target.write(&[WRITE, 1, 0x22])?;
        target.stop();
        assert!(target.has_request(&[0x22]));
        Ok(())
    }

    // Beyond the C suite: what the timer and the monitor promise.

    #[test]
    fn stale_expiry_spares_the_next_request() -> Result {
        let target = Target::new(10_000)?;

        target.write(&[WRITE, 1, 0x21])?;
        target.stop();
        // As if the timer had fired for an earlier request, just when this one came.
        ResponseTimeout(target.channel.clone()).expired();
        assert!(target.has_request(&[0x21]));
        Ok(())
    }

    #[test]
    fn revoked_channel_refuses_events() -> Result {
        let target = Target::new(500)?;

        target.write(&[WRITE, 1, 0x21])?;
        target.channel.revoke();
        assert_eq!(target.write(&[]), Err(ENODEV));
        assert_eq!(
            target.channel.write_received(&target.timer, READ),
            Err(ENODEV)
        );
        target.stop();
        assert_eq!(target.read_requested(), 0);
        assert_eq!(target.read_processed(), 0);
        assert!(target.channel.state.revoke().is_none());
        Ok(())
    }

    #[test]
    fn dropped_timer_does_not_fire() -> Result {
        struct Count(Arc<kernel::sync::atomic::Atomic<i32>>);

        impl Handler for Count {
            fn expired(&self) {
                self.0.fetch_add(1, kernel::sync::atomic::Relaxed);
            }
        }

        let count = Arc::new(kernel::sync::atomic::Atomic::new(0), GFP_KERNEL)?;
        let new = || {
            KBox::pin_init(
                Timer::new(Count(count.clone()), c"ssif_bmc_test", static_lock_class!()),
                GFP_KERNEL,
            )
        };

        let fired = new()?;
        fired.arm(timer::jiffies());
        fsleep(Delta::from_millis(100));
        assert_eq!(count.load(kernel::sync::atomic::Relaxed), 1);

        let dropped = new()?;
        dropped.arm(timer::jiffies().wrapping_add(msecs_to_jiffies(50)));
        drop(dropped);
        fsleep(Delta::from_millis(150));
        assert_eq!(count.load(kernel::sync::atomic::Relaxed), 1);
        Ok(())
    }
}
