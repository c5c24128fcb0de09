-- SPDX-License-Identifier: Apache-2.0
--
-- Words for messages.

local M = {}

-- A number and what it counts: "1 connection", "2 connections".
function M.count(number, noun) return ("%d %s%s"):format(number, noun, number == 1 and "" or "s") end

return M
