# Hashes, arrays, regular expressions, closures and objects with destructors.
use strict;
use warnings;
my $scale = shift // 1;

my (%count, @order);
for my $i (1 .. 60_000 * $scale) {
    my $word = "w" . ($i * 7919 % 5003);
    push @order, $word unless $count{$word}++;
}
my @sorted = sort { $count{$b} <=> $count{$a} || $a cmp $b } @order;
print "words $#sorted $sorted[0] $count{$sorted[0]} $sorted[-1]\n";

package Node;
our $dead = 0;
sub new { my ($class, %with) = @_; return bless {%with}, $class }
sub DESTROY { $dead++ }
package main;

sub tree { my $depth = shift; return $depth ? Node->new(left => tree($depth - 1), right => tree($depth - 1)) : Node->new }
sub size { my $node = shift; return 1 + ($node->{left} ? size($node->{left}) + size($node->{right}) : 0) }
my ($kept, $nodes) = (tree(9), 0);
$nodes += size(tree(9)) for 1 .. 12 * $scale;
print "trees $nodes $Node::dead ", size($kept), "\n";

my $text = join " ", map { "key$_=" . ("v" x ($_ % 50)) } 1 .. 20_000 * $scale;
my %parsed = $text =~ /(\w+)=(\w*)/g;
my $length = 0;
$length += length for values %parsed;
(my $changed = $text) =~ s/=(v+)/=<$1>/g;
print "text ", scalar(keys %parsed), " $length ", length($changed), "\n";

my @makers = map { my $n = $_; sub { return $n += shift } } 1 .. 20_000 * $scale;
my $sum = 0;
$sum += $_->(1) for @makers;
print "closures $sum\n";
