// SPDX-License-Identifier: Apache-2.0

import Foundation
import SwiftProtobuf

extension DescriptorPool {
    /// The .proto files of this module, decoded on first use.
    package static let shared: DescriptorPool = {
        guard let bytes = Data(base64Encoded: embeddedDescriptorSet),
            let pool = try? DescriptorPool(descriptorSet: Array(bytes))
        else {
            preconditionFailure("the embedded descriptor set is damaged: run .ci/generate-protos")
        }
        return pool
    }()

    /// Reads an encoded `google.protobuf.FileDescriptorSet` whose files stand after those that they import.
    /// - Throws: `ProtoError` for bytes that are no set, and for types that the files use but do not declare.
    package init(descriptorSet: [UInt8]) throws(ProtoError) {
        let set: Google_Protobuf_FileDescriptorSet
        do {
            set = try Google_Protobuf_FileDescriptorSet(serializedBytes: descriptorSet)
        } catch {
            throw ProtoError(.malformed, "not a descriptor set: \(error)")
        }
        var builder = DescriptorPoolBuilder()
        for file in set.file { try builder.add(file) }
        try builder.link()
        self.init(builder)
    }
}
