//! How operators share memory: each that can spill is promised a part, the rest goes to who asks first.
//!
//! Half of the memory is promised in equal parts to every operator that can spill now, and to one that may come. No one
//! else can take that part, so an operator that begins late, with nothing to spill yet, finds room to begin. The other half
//! is free for all: of twenty operators most want next to nothing, and the one that wants much rarely has to spill. What
//! cannot spill takes what is free, and may take what was promised: it cannot wait.
//!
//! Columns that are only kept because they may be asked for again count for what is free, not for what is promised: they
//! are given back to whoever has a right to the room ([`Shares::lack`]).
//!
//! Example: a limit of 1,200 bytes and four operators that can spill are promised 120 each. One may have 720 while the
//! others have nothing; with a second one at 300 it may have 540.

use datafusion::common::{HashMap, Result, human_readable_size, resources_datafusion_err};
use datafusion::execution::memory_pool::{
    MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};
use pareto_catalog::HotColumns;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A pool of `limit` bytes.
#[derive(Debug)]
pub(super) struct Shares {
    limit: usize,
    held: Mutex<Held>,
}

/// Who has how many bytes.
#[derive(Debug, Default)]
struct Held {
    /// Columns that are given back when somebody needs the room.
    kept: usize,
    /// Everything else that cannot spill.
    fixed: usize,
    /// Each consumer that can spill, by its number.
    spillers: HashMap<usize, usize>,
}

impl Held {
    fn total(&self) -> usize {
        self.kept.saturating_add(self.fixed).saturating_add(self.spillers.values().sum())
    }

    /// Where what the consumer of a reservation has is counted.
    fn of(&mut self, consumer: &MemoryConsumer) -> &mut usize {
        if consumer.can_spill() {
            self.spillers.entry(consumer.id()).or_default()
        } else if consumer.name() == HotColumns::CONSUMER {
            &mut self.kept
        } else {
            &mut self.fixed
        }
    }

    /// Bytes that the consumer may still take of what is not promised to others, if no columns were kept.
    fn allowed(&self, consumer: &MemoryConsumer, limit: usize) -> usize {
        let spillable = limit.saturating_sub(self.fixed);
        if !consumer.can_spill() {
            return spillable.saturating_sub(self.spillers.values().sum());
        }
        let promised = spillable / 2 / (self.spillers.len() + 1);
        let other = |(id, bytes): (&usize, &usize)| (*id != consumer.id()).then_some(*bytes);
        let others = self.spillers.iter().filter_map(other).map(|bytes| bytes.max(promised));
        let unpromised = spillable.saturating_sub(promised).saturating_sub(others.sum());
        let own = self.spillers.get(&consumer.id()).copied().unwrap_or_default();
        unpromised.max(promised).saturating_sub(own)
    }
}

impl Shares {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, held: Mutex::default() }
    }

    /// Bytes of kept columns that are in the way of a growth; `None` when others are, and it has to wait or spill.
    pub(super) fn lack(&self, consumer: &MemoryConsumer, additional: usize) -> Option<usize> {
        let held = self.held();
        let needed = held.total().saturating_add(additional);
        (additional <= held.allowed(consumer, self.limit))
            .then(|| needed.saturating_sub(self.limit))
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MemoryPool for Shares {
    fn name(&self) -> &'static str {
        "shares"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        // One that can spill is promised its part from now on.
        self.held().of(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.held().spillers.remove(&consumer.id());
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        let mut held = self.held();
        let bytes = held.of(reservation.consumer());
        *bytes = bytes.saturating_add(additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        let mut held = self.held();
        let bytes = held.of(reservation.consumer());
        *bytes = bytes.saturating_sub(shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let mut held = self.held();
        let consumer = reservation.consumer();
        let free = self.limit.saturating_sub(held.total()).min(held.allowed(consumer, self.limit));
        if additional > free {
            return Err(resources_datafusion_err!(
                "Failed to allocate additional {} for {} with {} already allocated for this reservation - {} remain \
                 available for the total memory pool: {self}",
                human_readable_size(additional),
                consumer.name(),
                human_readable_size(reservation.size()),
                human_readable_size(free)
            ));
        }
        *held.of(consumer) += additional;
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.held().total()
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.limit)
    }
}

impl fmt::Display for Shares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shares(pool_size: {})", human_readable_size(self.limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn pool(limit: usize) -> Arc<dyn MemoryPool> {
        Arc::new(Shares::new(limit))
    }

    fn spiller(pool: &Arc<dyn MemoryPool>) -> MemoryReservation {
        MemoryConsumer::new("spiller").with_can_spill(true).register(pool)
    }

    #[test]
    fn one_may_have_what_is_not_promised_to_the_others() {
        let pool = pool(1200);
        let [one, two, three, four] = std::array::from_fn(|_| spiller(&pool));
        one.try_grow(720).unwrap();
        let full = one.try_grow(1).unwrap_err().to_string();
        assert!(full.contains("- 0.0 B remain available"), "{full}");
        // Everybody else has what was promised, and no more; so has one that comes now.
        for other in [&two, &three, &four] {
            other.try_grow(120).unwrap();
            assert!(other.try_grow(1).is_err());
        }
        let five = spiller(&pool);
        five.try_grow(100).unwrap();
        assert_eq!(pool.reserved(), 1180);
        // What one gives back is there for who wants it.
        one.shrink(200);
        two.try_grow(100).unwrap();
    }

    #[test]
    fn who_comes_last_finds_room_whatever_the_others_took() {
        for count in 1..40 {
            let pool = pool(10_000);
            let spillers: Vec<_> = (0..count).map(|_| spiller(&pool)).collect();
            for one in &spillers {
                while one.try_grow(7).is_ok() {}
            }
            let promised = 10_000 / 2 / (count + 1);
            let least = spillers.iter().map(MemoryReservation::size).min().unwrap();
            assert!(least + 7 > promised, "{count}: {least} of {promised}");
            assert!(spiller(&pool).try_grow(10_000 / 2 / (count + 2)).is_ok(), "{count}");
        }
    }

    #[test]
    fn threads_that_grow_at_once_never_pass_the_limit() {
        let pool = pool(100_000);
        let most = std::thread::scope(|threads| {
            let grow = |_| {
                threads.spawn(|| {
                    let one = spiller(&pool);
                    let mut most = 0;
                    for _ in 0..20 {
                        while one.try_grow(13).is_ok() {
                            most = pool.reserved().max(most);
                        }
                        one.free();
                    }
                    most
                })
            };
            let running: Vec<_> = (0..8).map(grow).collect();
            running.into_iter().map(|one| one.join().unwrap()).max().unwrap()
        });
        assert!(most > 50_000 && most <= 100_000, "{most}");
        assert_eq!(pool.reserved(), 0);
    }

    #[test]
    fn what_cannot_spill_takes_what_is_free() {
        let pool = pool(1000);
        let fixed = MemoryConsumer::new("join").register(&pool);
        let one = spiller(&pool);
        one.try_grow(750).unwrap();
        assert!(one.try_grow(1).is_err());
        fixed.try_grow(250).unwrap();
        assert!(fixed.try_grow(1).is_err());
        one.free();
        // Of the 750 that are left, one that may come is promised 187.
        assert!(one.try_grow(564).is_err());
        one.try_grow(563).unwrap();
    }

    #[test]
    fn kept_columns_are_in_the_way_of_no_promise() {
        let shares = Arc::new(Shares::new(1000));
        let pool = Arc::clone(&shares) as Arc<dyn MemoryPool>;
        let kept = MemoryConsumer::new(HotColumns::CONSUMER).register(&pool);
        kept.try_grow(500).unwrap();
        let one = spiller(&pool);
        one.try_grow(500).unwrap();
        assert!(one.try_grow(200).is_err());
        assert_eq!(shares.lack(one.consumer(), 200), Some(200));
        assert_eq!(shares.lack(one.consumer(), 300), None);
        kept.shrink(200);
        one.try_grow(200).unwrap();
    }
}
