"""From the item to the consensus: Label Studio both ways, questions, annotators, annotations."""
