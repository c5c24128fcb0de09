// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

struct GeneratedFilesTests {
    @Test func theGeneratedFilesAgreeWithTheirHash() throws {
        let root = URL(filePath: #filePath).resolvingSymlinksInPath()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let script = Process()
        script.executableURL = root.appending(path: ".ci/generate-protos")
        script.arguments = ["--check"]
        try script.run()
        script.waitUntilExit()
        #expect(script.terminationStatus == 0)
    }
}
