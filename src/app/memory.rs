//! Determines the memory available to the process, and checks that the maximum number of live codes fits into it.
//!
//! Implemented here in 30 lines: `sysinfo` 0.40 reads only the root control group, and `effective-limits` 0.7 does not
//! support control groups version 2.

use std::{fs, path::Path};

use crate::{
    config::{ConfigError, ValidConfig},
    domain::error::Violation,
};

const MIB: u64 = 1 << 20;

/// The memory available to this process, in bytes: the minimum of the machine's memory and the limits of the process's
/// control group (version 1 or 2) and its ancestors. `None` if none of these can be read. Reads `/proc` and `/sys`
/// below `root`.
pub(super) fn available(root: &Path) -> Option<u64> {
    let groups = read(&root.join("proc/self/cgroup"));
    let limits = groups.lines().filter_map(ControlGroup::parse).filter_map(|group| group.limit(root));
    limits.chain(machine(root)).min()
}

/// A control group of this process that may have a memory limit.
struct ControlGroup<'a> {
    hierarchy: &'static str,
    file: &'static str,
    path: &'a str,
}

impl<'a> ControlGroup<'a> {
    /// Parses a line of `/proc/self/cgroup`: `number:controllers:path`. The controllers are empty for version 2.
    fn parse(line: &'a str) -> Option<Self> {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        let (hierarchy, file) = match controllers {
            "" => ("sys/fs/cgroup", "memory.max"),
            _ if controllers.split(',').any(|controller| controller == "memory") => {
                ("sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => return None,
        };
        Some(Self { hierarchy, file, path: path.trim_start_matches('/') })
    }

    /// The lowest limit of the group and its ancestors. In a container, the path may be the host's path, of which only
    /// the top exists.
    fn limit(&self, root: &Path) -> Option<u64> {
        let hierarchy = root.join(self.hierarchy);
        let files = Path::new(self.path).ancestors().map(|group| hierarchy.join(group).join(self.file));
        files.filter_map(|file| read(&file).trim().parse().ok()).min()
    }
}

/// The memory of the whole machine.
fn machine(root: &Path) -> Option<u64> {
    let facts = read(&root.join("proc/meminfo"));
    let total = facts.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = total.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// The content of a file. Empty if it cannot be read.
fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_default()
}

/// Checks that the maximum number of live codes takes at most half of the memory. The memory for everything else does
/// not grow with the codes.
///
/// # Errors
/// If the codes take more.
pub(super) fn check(
    valid: &ValidConfig,
    bytes_per_code: u64,
    memory: Option<u64>,
) -> Result<(), ConfigError> {
    let config = &valid.written;
    if bytes_per_code == 0 {
        return Ok(());
    }
    let environments = valid.environments.iter().filter(|(_, environment)| environment.draws_codes()).count();
    let each = bytes_per_code.saturating_mul(environments as u64);
    let needed = config.codes.max_live_codes.saturating_mul(each);
    let Some(memory) = memory else {
        tracing::warn!("available memory is unknown; codes.max_live_codes is not checked against it");
        return Ok(());
    };
    if needed <= memory / 2 {
        return Ok(());
    }
    let text = format!(
        "must be at most {}, but is {}: this many codes in each of {environments} environments take {} MiB of memory, which is \
         more than half of the {} MiB available",
        memory / 2 / each,
        config.codes.max_live_codes,
        needed.div_ceil(MIB),
        memory / MIB,
    );
    Err(ConfigError::of_values(vec![Violation::new("codes.max_live_codes", text)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const MEMINFO: (&str, &str) =
        ("proc/meminfo", "MemTotal:       16315448 kB\nMemFree:         1000000 kB\n");
    const MACHINE: u64 = 16_315_448 * 1024;

    /// The available memory on a machine with these files.
    fn memory(files: &[(&str, &str)]) -> Option<u64> {
        let root = tempfile::tempdir().expect("a folder");
        for (file, content) in files {
            let file = root.path().join(file);
            fs::create_dir_all(file.parent().expect("is in a folder")).expect("a folder");
            fs::write(file, content).expect("writes");
        }
        available(root.path())
    }

    #[test]
    fn without_control_groups_the_machines_memory_counts() {
        assert_eq!(memory(&[MEMINFO]), Some(MACHINE));
    }

    #[test]
    fn the_lowest_limit_of_a_group_and_its_ancestors_applies() {
        let groups = ("proc/self/cgroup", "0::/system.slice/passbridge.service\n");
        let own = "sys/fs/cgroup/system.slice/passbridge.service/memory.max";
        let above = "sys/fs/cgroup/system.slice/memory.max";
        assert_eq!(memory(&[MEMINFO, groups, (own, "1073741824\n"), (above, "max\n")]), Some(1 << 30));
        assert_eq!(memory(&[MEMINFO, groups, (own, "max\n"), (above, "536870912\n")]), Some(1 << 29));
        assert_eq!(memory(&[MEMINFO, groups, (own, "max\n"), (above, "max\n")]), Some(MACHINE));
        assert_eq!(memory(&[groups, (own, "1073741824\n")]), Some(1 << 30));
    }

    #[test]
    fn the_visible_root_group_is_the_containers_own() {
        let limit = ("sys/fs/cgroup/memory.max", "268435456\n");
        for groups in ["0::/\n", "0::/docker/0123abcd\n", "0::/../../pod\n"] {
            assert_eq!(memory(&[MEMINFO, ("proc/self/cgroup", groups), limit]), Some(1 << 28), "{groups}");
        }
    }

    #[test]
    fn version_1_limits_are_in_the_memory_hierarchy() {
        let groups =
            "12:cpu,cpuacct:/docker/x\n4:hugetlb,memory:/docker/x\n1:name=systemd:/docker/x\n0::/docker/x\n";
        let groups = ("proc/self/cgroup", groups);
        let own = "sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes";
        let none = ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        assert_eq!(memory(&[MEMINFO, groups, none, (own, "134217728\n")]), Some(1 << 27));
        assert_eq!(memory(&[MEMINFO, groups, none]), Some(MACHINE));
    }

    #[test]
    fn unreadable_files_impose_no_limit() {
        assert_eq!(memory(&[]), None);
        let odd = [("proc/self/cgroup", "0\n::\n0::/a:b\n\u{fffd}"), ("sys/fs/cgroup/memory.max", "-1\n")];
        assert_eq!(memory(&[MEMINFO, odd[0], odd[1]]), Some(MACHINE));
        for meminfo in ["", "MemTotal: kB\n", "MemTotal: 1 GB\n", "MemTotal: 18446744073709551615 kB\n"] {
            assert_eq!(memory(&[odd[0], odd[1], ("proc/meminfo", meminfo)]), None, "{meminfo}");
        }
    }

    fn checked(config: &str, memory: Option<u64>) -> Result<(), String> {
        let config = toml::from_str::<Config>(config).expect("deserializes");
        check(&ValidConfig::read(config).expect("valid"), 64, memory).map_err(|error| error.to_string())
    }

    #[test]
    fn codes_that_take_more_than_half_of_the_memory_are_rejected() {
        let config = "codes.max_live_codes = 1000000\n[environments.a]\n[environments.b]";
        let error = checked(config, Some(200 << 20)).expect_err("rejected");
        assert!(error.contains("codes.max_live_codes: must be at most 819200, but is 1000000"), "{error}");
        for part in ["each of 2 environments", "123 MiB", "the 200 MiB"] {
            assert!(error.contains(part), "{part} is missing in {error}");
        }
        assert_eq!(checked(config, Some(256_000_000)), Ok(()), "exactly half");
        assert!(checked(config, Some(255_999_999)).is_err());
        assert_eq!(checked(config, None), Ok(()));
    }
}
