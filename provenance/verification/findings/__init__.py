"""What a match, a credential and a declared mark show, each in words of its own, a module each."""
