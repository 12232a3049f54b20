//! The capabilities (capabilities(7)) of this process.

use std::fs;

/// The number of CAP_SYS_RESOURCE.
const SYS_RESOURCE: u32 = 24;

/// Whether the kernel lets this process exceed limits and grow an ext4 (CAP_SYS_RESOURCE); true where that cannot be known.
pub fn may_exceed_limits() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    effective(&status).is_none_or(|set| set >> SYS_RESOURCE & 1 == 1)
}

/// The effective capabilities in the text of `/proc/PID/status`.
fn effective(status: &str) -> Option<u64> {
    let set = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    u64::from_str_radix(set?.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_is_a_hexadecimal_number() {
        let status = "CapPrm:\t0000000000000001\nCapEff:\t000001fffeffffff\nCapBnd:\t0\n";
        assert_eq!(effective(status), Some(0x1ff_feff_ffff));
        for none in ["", "CapEff:\tx\n"] {
            assert_eq!(effective(none), None, "{none}");
        }
    }
}
