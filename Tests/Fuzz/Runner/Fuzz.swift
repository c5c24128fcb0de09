import Foundation
// SPDX-License-Identifier: Apache-2.0
import FuzzTargets

// Built by `.ci/fuzz` with `--sanitize=fuzzer -DFUZZING`: libFuzzer then brings `main` and calls the functions below.
// TIDEGATE_FUZZ names the target (`list` prints all names), TIDEGATE_FUZZ_SEEDS the folder that its seeds are written to.

#if FUZZING
    private let target: FuzzTarget = {
        let name = ProcessInfo.processInfo.environment["TIDEGATE_FUZZ"] ?? ""
        if let target = FuzzTarget.all.first(where: { $0.name == name }) { return target }
        FuzzTarget.all.forEach { print($0.name) }
        exit(name == "list" ? 0 : 2)
    }()

    @_cdecl("LLVMFuzzerInitialize")
    public func initialize(
        _ count: UnsafeMutableRawPointer?, _ arguments: UnsafeMutableRawPointer?
    ) -> CInt {
        let target = target
        if let folder = ProcessInfo.processInfo.environment["TIDEGATE_FUZZ_SEEDS"] {
            for (index, seed) in target.seeds().enumerated() {
                try? Data(seed).write(to: URL(fileURLWithPath: "\(folder)/seed-\(index)"))
            }
        }
        return 0
    }

    @_cdecl("LLVMFuzzerTestOneInput")
    public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
        target.run(Array(UnsafeBufferPointer(start: bytes, count: count)))
        return 0
    }
#else
    @main struct Fuzz {
        static func main() {
            FileHandle.standardError.write(Data("this build has no fuzzer; run .ci/fuzz\n".utf8))
            exit(2)
        }
    }
#endif
