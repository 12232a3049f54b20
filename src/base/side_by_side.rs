//! Does something for several things at the same time.

use std::thread::{self, Builder};

/// The results of `act` for each key, in the order of the keys. Each key has a thread of its own; where the host allows no
/// further thread, the caller's does the work.
pub fn side_by_side<K: Sync, T: Send>(keys: &[K], act: impl Fn(&K) -> T + Sync) -> Vec<T> {
    let act = &act;
    if let [only] = keys {
        return vec![act(only)];
    }
    thread::scope(|scope| {
        let threads: Vec<_> = keys
            .iter()
            .map(|key| {
                Builder::new()
                    .spawn_scoped(scope, move || act(key))
                    .map_err(|_| act(key))
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| match thread {
                Ok(thread) => thread
                    .join()
                    .expect("what runs side by side does not panic"),
                Err(done) => done,
            })
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;

    #[test]
    fn all_run_at_once_and_answer_in_order() {
        let all_there = Barrier::new(4);
        let act = |key: &u32| {
            all_there.wait();
            key * 2
        };
        assert_eq!(side_by_side(&[1, 2, 3, 4], act), [2, 4, 6, 8]);
        assert_eq!(side_by_side(&[], act), Vec::<u32>::new());
    }
}
