// SPDX-License-Identifier: Apache-2.0
import Commands
import Testing

struct APIArgumentsTests {
    @Test(arguments: [
        (["-server=1.2.3.4:5"], ["--server=1.2.3.4:5"]), (["-server", "x"], ["--server", "x"]),
        (["--server", "x"], ["--server", "x"]), (["-s", "x"], ["-s", "x"]), (["-s=x"], ["-s", "x"]),
        (["-reset"], ["--reset"]), (["-reset=false"], []), (["-reset=true"], ["--reset"]), (["--reset=0"], []),
        (["-isOnlyTags=true"], ["--isOnlyTags=true"]), (["-name", "a>>>b", "-reset"], ["--name", "a>>>b", "--reset"]),
        (["-r=false"], []), (["-r=1"], ["-r"]), (["-name=-x=y"], ["--name=-x=y"]), (["-"], ["-"]), (["-5"], ["-5"]),
        (["-json"], ["--plain-json"]), (["--json"], ["--json"]), (["-json=false"], []), (["-close"], ["--close"]),
        (["---x"], ["---x"]), (["a", "--", "-reset"], ["a", "--", "-reset"]), ([""], [""]),
    ])
    func readsOptionsAsGoWritesThem(given: [String], expected: [String]) {
        #expect(APIArguments.normalized(given) == expected)
        #expect(APIArguments.normalized(expected) == expected)
    }
}
