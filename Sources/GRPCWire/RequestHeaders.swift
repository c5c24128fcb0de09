// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// What the headers of a request say, and why a server refuses it: the checks and texts of grpc-go.
package struct RequestHeaders {
    private(set) var registration: GRPCHandlerTable.Method?
    private(set) var compression = GRPCMessageDecoder.Compression.identity
    private(set) var timeout: TimeAmount?
    package private(set) var refusal: GRPCStatus?
    /// Goes with ``refusal``.
    package private(set) var httpStatus = "200"

    package init() {}

    /// For a server whose methods are those of `table`.
    mutating func read(_ block: UnsafeRawBufferPointer, table: GRPCHandlerTable) {
        guard let path = read(block) else { return }
        registration = table.method(at: path)
        if registration == nil {
            refusal = table.refusal(of: path)
        } else {
            refuseUnknownCompression()
        }
    }

    /// For a server that has a few methods, whose paths are `methods`: gives the index of the one that is asked for.
    package mutating func read(_ block: UnsafeRawBufferPointer, methods: [[UInt8]]) -> Int? {
        guard let path = read(block) else { return nil }
        let index = methods.firstIndex { $0.count == path.count && $0.elementsEqual(path) }
        if index == nil {
            refusal = GRPCHandlerTable.refusal(of: path) { service in
                methods.contains { $0.starts(with: "/\(service)/".utf8) }
            }
        } else {
            refuseUnknownCompression()
            if refusal == nil, compression == .gzip { refuseCompression("gzip") }
        }
        return refusal == nil ? index : nil
    }

    private mutating func refuseUnknownCompression() {
        if case .unsupported(let name) = compression { refuseCompression(name) }
    }

    private mutating func refuseCompression(_ name: String) {
        refusal = GRPCStatus(.unimplemented, "grpc: Decompressor is not installed for grpc-encoding \"\(name)\"")
    }

    /// Nil when the request is refused.
    private mutating func read(_ block: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        var path: UnsafeRawBufferPointer?
        var isPost = false
        var method = ""
        var contentType: UnsafeRawBufferPointer?
        var badTimeout: String?
        HeaderBlock.forEach(in: block) { token, _, value in
            switch token {
            case HeaderBlock.Field.path: path = value
            case HeaderBlock.Field.method:
                isPost = value.elementsEqual("POST".utf8)
                if !isPost { method = String(decoding: value, as: UTF8.self) }
            case HeaderBlock.Field.contentType: contentType = value
            case HeaderBlock.Field.grpcTimeout:
                timeout = GRPCTimeout.parse(value)
                if timeout == nil { badTimeout = String(decoding: value, as: UTF8.self) }
            case HeaderBlock.Field.grpcEncoding: compression = Self.compression(value)
            default: break
            }
        }
        guard let contentType, Self.isGRPC(contentType) else {
            httpStatus = "415"
            let name = contentType.map { String(decoding: $0, as: UTF8.self) } ?? ""
            refusal = GRPCStatus(.invalidArgument, "invalid gRPC request content-type \(name.debugDescription)")
            return nil
        }
        guard isPost else {
            httpStatus = "405"
            refusal = GRPCStatus(
                .internal, "Received a HEADERS frame with :method \(method.debugDescription) which should be POST")
            return nil
        }
        if let badTimeout {
            refusal = GRPCStatus(.internal, "malformed grpc-timeout: \(badTimeout.debugDescription)")
            return nil
        }
        if path == nil { refusal = GRPCStatus(.unimplemented, "malformed method name: \"\"") }
        return path
    }

    /// `application/grpc`, alone or followed by `+subtype` or `;parameters`, in any case.
    package static func isGRPC(_ value: UnsafeRawBufferPointer) -> Bool {
        let base: StaticString = "application/grpc"
        guard value.count >= base.utf8CodeUnitCount else { return false }
        for index in 0..<base.utf8CodeUnitCount where value[index] | 0x20 != base.utf8Start[index] {
            // `/` has the bit set already.
            return false
        }
        guard value.count > base.utf8CodeUnitCount else { return true }
        return value[base.utf8CodeUnitCount] == 0x2b || value[base.utf8CodeUnitCount] == 0x3b
    }

    static func compression(_ value: UnsafeRawBufferPointer) -> GRPCMessageDecoder.Compression {
        if value.isEmpty || value.elementsEqual("identity".utf8) { return .identity }
        if value.elementsEqual("gzip".utf8) { return .gzip }
        return .unsupported(String(decoding: value, as: UTF8.self))
    }
}
