//! How large a volume is to be: between `capacity_min` and `capacity_max` of its specification.

use anyhow::{Result, bail};

use crate::base::failure::Failure;
use crate::base::size;

/// In bytes; 0 where nothing is said.
#[derive(Debug, PartialEq, Eq)]
pub struct Capacity {
    pub least: u64,
    most: u64,
}

/// What a volume is to have, in bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct Sizes {
    /// When it is made; `None` for the driver's default.
    pub new: Option<u64>,
    /// One that is smaller grows; 0 where nothing is asked for.
    pub least: u64,
}

impl Capacity {
    /// # Errors
    ///
    /// Wrong usage: more at least than at most.
    pub fn new(least: u64, most: u64) -> Result<Capacity> {
        if most != 0 && least > most {
            let (least, most) = (size::show(least), size::show(most));
            bail!(Failure::usage(format!(
                "capacity_min, {least}, is more than capacity_max, {most}"
            )));
        }
        Ok(Capacity { least, most })
    }

    /// What is to be made of it, and of the parameter `size`.
    ///
    /// # Errors
    ///
    /// Wrong usage: the parameter is no size, or not between the two.
    pub fn sizes(&self, parameter: Option<&str>) -> Result<Sizes> {
        let Some(text) = parameter else {
            let said = [self.least, self.most].into_iter().find(|it| *it != 0);
            return Ok(Sizes {
                new: said,
                least: self.least,
            });
        };
        let size = size::parse(text).map_err(|error| Failure::usage(error.to_string()))?;
        let shown = size::show(size);
        if size < self.least {
            let least = size::show(self.least);
            bail!(Failure::usage(format!(
                "size: {shown} is less than capacity_min, {least}"
            )));
        }
        // A size is rounded up to pages.
        if self.most != 0 && size > self.most.next_multiple_of(size::PAGE) {
            let most = size::show(self.most);
            bail!(Failure::usage(format!(
                "size: {shown} is more than capacity_max, {most}"
            )));
        }
        Ok(Sizes {
            new: Some(size),
            least: size,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::failure::ErrorKind;
    use crate::base::text::chain;

    const MIB: u64 = 1 << 20;

    #[test]
    fn the_parameter_counts_before_the_smaller_limit_and_that_before_the_larger() {
        for (least, most, parameter, new, grows_to) in [
            (0, 0, None, None, 0),
            (5 * MIB, 0, None, Some(5 * MIB), 5 * MIB),
            (5 * MIB, 9 * MIB, None, Some(5 * MIB), 5 * MIB),
            (0, 9 * MIB, None, Some(9 * MIB), 0),
            (5 * MIB, 9 * MIB, Some("7MiB"), Some(7 * MIB), 7 * MIB),
            (0, 0, Some("7MiB"), Some(7 * MIB), 7 * MIB),
            (5000, 5000, Some("5000b"), Some(8192), 8192),
        ] {
            let capacity = Capacity::new(least, most).expect("in order");
            let sizes = Sizes {
                new,
                least: grows_to,
            };
            assert_eq!(capacity.sizes(parameter).expect("good"), sizes);
        }
    }

    #[test]
    fn what_is_not_between_the_two_is_refused() {
        let capacity = Capacity::new(5 * MIB, 9 * MIB).expect("in order");
        for (parameter, why) in [
            ("4MiB", "size: 4 MiB is less than capacity_min, 5 MiB"),
            ("10MiB", "size: 10 MiB is more than capacity_max, 9 MiB"),
            (
                "many",
                "\"many\" is no size; write it like 16 (GiB), 500MiB or 1.5T",
            ),
        ] {
            let error = capacity.sizes(Some(parameter)).expect_err(parameter);
            assert_eq!(ErrorKind::of(&error), ErrorKind::Usage);
            assert_eq!(chain(&error), why);
        }
        let error = Capacity::new(2 * MIB, MIB).expect_err("not in order");
        assert_eq!(
            chain(&error),
            "capacity_min, 2 MiB, is more than capacity_max, 1 MiB"
        );
    }
}
