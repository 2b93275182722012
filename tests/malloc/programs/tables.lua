-- Tables, strings and closures that come and go; prints sums that any mistake of memory would change.
local scale = tonumber(arg[1] or "1")

local function tree(depth)
  if depth == 0 then return {} end
  return {left = tree(depth - 1), right = tree(depth - 1), depth = depth}
end
local function count(node)
  return node.left and 1 + count(node.left) + count(node.right) or 1
end

local kept, nodes = tree(12), 0
for i = 1, 12 * scale do nodes = nodes + count(tree(12)) end
print("trees", nodes, count(kept))

local words, order = {}, {}
for i = 1, 60000 * scale do
  local word = "w" .. (i * 7919 % 5003)
  if not words[word] then order[#order + 1] = word end
  words[word] = (words[word] or 0) + 1
end
table.sort(order)
print("words", #order, order[1], words[order[1]], order[#order], words[order[#order]])

local pieces, length = {}, 0
for i = 1, 40000 * scale do
  pieces[i % 1000 + 1] = string.rep("x", i % 200) .. i
  length = length + #pieces[i % 1000 + 1]
end
print("text", length, #table.concat(pieces))

local makers = {}
for i = 1, 50000 * scale do
  local n = i
  makers[i % 500 + 1] = function() n = n + 1 return n end
end
local sum = 0
for _, make in ipairs(makers) do sum = sum + make() + make() end
print("closures", sum)
