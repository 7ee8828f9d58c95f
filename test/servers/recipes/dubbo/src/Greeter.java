package isthmus;

public interface Greeter {
    String hi(String name);

    int add(int a, int b);
}
