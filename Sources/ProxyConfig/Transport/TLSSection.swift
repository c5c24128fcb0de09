// SPDX-License-Identifier: Apache-2.0
import Foundation
import XrayProtos

/// The `tlsSettings` object.
enum TLSSection {
    static func decode(_ node: ConfigNode) throws -> Xray_Transport_Internet_Tls_Config {
        try node.object { object in
            var config = Xray_Transport_Internet_Tls_Config()
            config.certificate = try object["certificates"]?.elements().map { try CertificateSection.decode($0) } ?? []
            config.serverName = try object.string("serverName")
            config.nextProtocol = try object.strings("alpn")
            if config.nextProtocol.count > 1, config.nextProtocol.contains(where: { $0.lowercased() == "frommitm" }) {
                throw (object["alpn"] ?? node).error("fromMitm must be the only element")
            }
            config.curvePreferences = try object.strings("curvePreferences")
            config.enableSessionResumption = try object.bool("enableSessionResumption")
            config.disableSystemRoot = try object.bool("disableSystemRoot")
            config.minVersion = try object.string("minVersion")
            config.maxVersion = try object.string("maxVersion")
            config.cipherSuites = try object.string("cipherSuites")
            config.fingerprint = try object["fingerprint"].map { try TLSFingerprint.decode($0) } ?? ""
            config.rejectUnknownSni = try object.bool("rejectUnknownSni")
            config.masterKeyLog = try object.string("masterKeyLog")
            if let insecure = object["allowInsecure"], try insecure.bool() {
                throw insecure.error(
                    "allowInsecure was removed; use pinnedPeerCertSha256 and verifyPeerCertByName")
            }
            config.pinnedPeerCertSha256 = try object["pinnedPeerCertSha256"].map { try pins($0) } ?? []
            config.verifyPeerCertByName = try object["verifyPeerCertByName"].map { try items($0) } ?? []
            if let keys = object["echServerKeys"], case let text = try keys.string(), !text.isEmpty {
                guard let data = Data(base64Encoded: text) else { throw keys.error("not base64") }
                config.echServerKeys = data
            }
            config.echConfigList = try object.string("echConfigList")
            if let socket = object["echSockopt"] { config.echSocketSettings = try SocketSection.decode(socket) }
            return config
        }
    }

    /// The parts between commas, without blanks and empty ones.
    private static func items(_ node: ConfigNode) throws -> [String] {
        try node.string().split(separator: ",").map { String($0.trimmed) }.filter { !$0.isEmpty }
    }

    private static func pins(_ node: ConfigNode) throws -> [Data] {
        try items(node).map { item in
            guard let hash = Data(hexadecimal: item.filter { $0 != ":" }), hash.count == 32 else {
                throw node.error("not a SHA-256 hash in hexadecimal digits: \(item.quoted)")
            }
            return hash
        }
    }
}

/// One element of `tlsSettings.certificates`; files are read at once, so that a missing one is noticed.
enum CertificateSection {
    static func decode(_ node: ConfigNode) throws -> Xray_Transport_Internet_Tls_Certificate {
        try node.object { object in
            var certificate = Xray_Transport_Internet_Tls_Certificate()
            let file = object["certificateFile"]
            let keyFile = object["keyFile"]
            certificate.certificatePath = try path(file)
            certificate.keyPath = try path(keyFile)
            let text = try object["certificate"]?.textList() ?? []
            let keyText = try object["key"]?.textList() ?? []
            certificate.certificate = try contents(of: file, path: certificate.certificatePath, or: text)
            certificate.key = try contents(of: keyFile, path: certificate.keyPath, or: keyText)
            guard !certificate.certificatePath.isEmpty || !text.isEmpty else {
                throw node.error("neither certificateFile nor certificate is given")
            }
            certificate.usage =
                switch try object.string("usage").lowercased() {
                case "verify": .authorityVerify
                case "issue": .authorityIssue
                default: .encipherment
                }
            certificate.ocspStapling = try object.integer("ocspStapling")
            let isOnce = try object.bool("oneTimeLoading")
            certificate.oneTimeLoading = isOnce || certificate.certificatePath.isEmpty && certificate.keyPath.isEmpty
            certificate.buildChain = try object.bool("buildChain")
            return certificate
        }
    }

    private static func path(_ node: ConfigNode?) throws -> String {
        guard let node, case let path = try node.string(), !path.isEmpty else { return "" }
        return node.context.path(path)
    }

    private static func contents(of node: ConfigNode?, path: String, or lines: [String]) throws -> Data {
        guard let node, !path.isEmpty else { return Data(lines.joined(separator: "\n").utf8) }
        do {
            return try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            throw node.error("the file cannot be read: \(path)")
        }
    }
}

extension Data {
    /// The bytes of an even number of hexadecimal digits; nil for other text.
    init?(hexadecimal text: String) {
        let digits = text.utf8.map { Character(Unicode.Scalar($0)).hexDigitValue }
        guard digits.count % 2 == 0 else { return nil }
        self.init()
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = digits[index], let low = digits[index + 1] else { return nil }
            append(UInt8(high << 4 | low))
        }
    }

    /// The bytes of base64 text in the alphabet of URLs, without padding.
    init?(base64URL text: String) {
        guard !text.contains(where: { $0 == "+" || $0 == "/" || $0 == "=" }) else { return nil }
        let plain = text.replacingOccurrences(of: "-", with: "+").replacingOccurrences(of: "_", with: "/")
        self.init(base64Encoded: plain + String(repeating: "=", count: (4 - plain.utf8.count % 4) % 4))
    }
}
