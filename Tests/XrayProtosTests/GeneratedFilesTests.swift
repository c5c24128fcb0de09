// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

struct GeneratedFilesTests {
    @Test func theGeneratedFilesAgreeWithTheirHash() throws {
        let root = URL(filePath: #filePath).resolvingSymlinksInPath()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let result = try CommandResult.of(root.appending(path: ".ci/generate-protos"), ["--check"])
        #expect(result.status == 0, "\(result.errors)")
    }
}
