// SPDX-License-Identifier: Apache-2.0
import Foundation

/// The processor time of the thread that asks, in nanoseconds.
enum ThreadTime {
    static var now: Int64 {
        var time = timespec()
        // Cannot fail: the clock exists and the pointer is valid.
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
