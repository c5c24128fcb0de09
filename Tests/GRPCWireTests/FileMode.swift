// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The permission bits of a file; nil when there is none.
func mode(of path: String) -> UInt16? {
    var information = stat()
    guard lstat(path, &information) == 0 else { return nil }
    return UInt16(information.st_mode & 0o777)
}
