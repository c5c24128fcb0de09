// SPDX-License-Identifier: Apache-2.0
import NIOSSL
import ProxyModel

/// The names that a certificate is for, and whether one of them is a given one (RFC 6125 section 6).
enum PeerNames {
    /// The host names of a certificate, in lower case, without a trailing dot: those of its subject alternative names, or its
    /// common name where it has none.
    static func hostNames(of certificate: NIOSSLCertificate) -> [String] {
        var names: [String] = []
        var hasAlternatives = false
        for name in certificate._subjectAlternativeNames() {
            hasAlternatives = true
            guard case .dnsName = name.nameType else { continue }
            names.append(ServerName.normalized(String(decoding: name.contents, as: UTF8.self)))
        }
        if !hasAlternatives, let common = try? CommonName.of(certificate.toDERBytes()) {
            names.append(ServerName.normalized(common))
        }
        return names
    }

    static func matches(_ certificate: NIOSSLCertificate, _ name: String) -> Bool {
        if let ip = IPAddress(name) {
            return certificate._subjectAlternativeNames().contains { alternative in
                guard case .ipAddress = alternative.nameType else { return false }
                return IPAddress(bytes: Array(alternative.contents)) == ip
            }
        }
        let name = ServerName.normalized(name)
        let wildcard = wildcard(for: name)
        return hostNames(of: certificate).contains { $0 == name || $0 == wildcard }
    }

    /// `*.example.com` for `www.example.com`; nil for a name of one label.
    static func wildcard(for name: String) -> String? {
        guard let dot = name.firstIndex(of: "."), dot != name.startIndex else { return nil }
        return "*" + name[dot...]
    }
}

/// The common name in the subject of a certificate (RFC 5280 section 4.1): the TLS library tells of the alternative names only.
enum CommonName {
    private static let commonName: [UInt8] = [0x55, 4, 3]

    static func of(_ certificate: [UInt8]) -> String? {
        var outer = certificate[...]
        guard var fields = read(&outer, 0x30)?.content, var list = read(&fields, 0x30)?.content else { return nil }
        if list.first == 0xa0 { _ = read(&list, nil) }
        // Serial number, signature algorithm, issuer, validity.
        for tag in [0x02, 0x30, 0x30, 0x30] as [UInt8] where read(&list, tag) == nil { return nil }
        guard var subject = read(&list, 0x30)?.content else { return nil }
        var found: String?
        while !subject.isEmpty {
            guard var set = read(&subject, 0x31)?.content else { return nil }
            while !set.isEmpty {
                guard var pair = read(&set, 0x30)?.content, let type = read(&pair, 0x06)?.content,
                    let value = read(&pair, nil)
                else { return nil }
                // UTF8String, PrintableString, TeletexString or IA5String: one byte for each character of a host name.
                if Array(type) == commonName, [0x0c, 0x13, 0x14, 0x16].contains(value.tag) {
                    found = String(decoding: value.content, as: UTF8.self)
                }
            }
        }
        return found
    }

    /// The next element, which must have this tag; nil when the bytes are not one.
    private static func read(
        _ bytes: inout ArraySlice<UInt8>, _ tag: UInt8?
    ) -> (tag: UInt8, content: ArraySlice<UInt8>)? {
        guard let found = bytes.popFirst(), tag == nil || found == tag, let first = bytes.popFirst() else { return nil }
        var length = Int(first)
        if first & 0x80 != 0 {
            let count = Int(first & 0x7f)
            guard (1...4).contains(count), bytes.count >= count else { return nil }
            length = bytes.prefix(count).reduce(0) { $0 << 8 | Int($1) }
            bytes = bytes.dropFirst(count)
        }
        guard bytes.count >= length else { return nil }
        defer { bytes = bytes.dropFirst(length) }
        return (found, bytes.prefix(length))
    }
}
