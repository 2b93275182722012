"""What the measurements are made on, and whether the machine had time for them."""
import os
import platform
import resource
import time


def read_text(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def field_of(text, name):
    """The value of the first 'name : value' line."""
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return None


def memory_bytes(name):
    """MemTotal or MemAvailable; 0 where the kernel does not say."""
    value = field_of(read_text("/proc/meminfo"), name)
    return int(value.split()[0]) * 1024 if value else 0


def system_name():
    name = field_of(read_text("/etc/os-release").replace("=", ":"), "PRETTY_NAME")
    return name.strip('"') if name else platform.system()


def transparent_huge_pages():
    text = read_text("/sys/kernel/mm/transparent_hugepage/enabled")
    return text[text.find("[") + 1:text.find("]")] if "[" in text else "unknown"


def settings_of_environment():
    """Variables that change what is measured: they are reported, not removed."""
    prefixes = ("TREFOIL_", "GC_", "MALLOC_", "MIMALLOC_", "GLIBC_TUNABLES", "LD_PRELOAD")
    return {name: value for name, value in sorted(os.environ.items()) if name.startswith(prefixes)}


def busy_share(seconds=0.5):
    """Of all processors, right now, while this process sleeps; None where the kernel does not say."""
    bystanders = Bystanders()
    time.sleep(seconds)
    return bystanders.share()


def describe(processors):
    return {
        "processor": field_of(read_text("/proc/cpuinfo"), "model name") or platform.machine(),
        "processors": processors,
        "memory_bytes": memory_bytes("MemTotal"),
        "kernel": f"{platform.system()} {platform.release()}",
        "system": system_name(),
        "huge_pages": transparent_huge_pages(),
        "load_average": os.getloadavg()[0],
        "busy_share": busy_share(),
        "environment": settings_of_environment(),
    }


class Bystanders:
    """How much processor time others took while this object lived: measurements want free processors."""

    def __init__(self):
        self.busy_s, self.total_s = self._machine_s()
        self.own_s = self._own_s()

    @staticmethod
    def _machine_s():
        """Busy and total processor time since the start of the machine. Time stolen by other guests is busy."""
        line = read_text("/proc/stat").partition("\n")[0].split()[1:]
        ticks = [int(value) for value in line[:8]]
        if len(ticks) < 8:
            return 0.0, 0.0
        per_s = os.sysconf("SC_CLK_TCK")
        return (sum(ticks) - ticks[3] - ticks[4]) / per_s, sum(ticks) / per_s

    @staticmethod
    def _own_s():
        both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(usage.ru_utime + usage.ru_stime for usage in both)

    def share(self):
        """Of all processors, from 0 to 1; None where the kernel does not say."""
        busy_s, total_s = self._machine_s()
        if total_s <= self.total_s:
            return None
        others_s = (busy_s - self.busy_s) - (self._own_s() - self.own_s)
        return max(0.0, others_s / (total_s - self.total_s))
